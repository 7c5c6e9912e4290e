import Glibc

/// Small files and directories, with the flags that keep others out.
enum Files {
  /// Reads a file of at most `limit` bytes whole; one byte more is an error.
  static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try Descriptor.checked(open(path, O_RDONLY | O_CLOEXEC), "open", path)
    return try read(file, path, limit: limit)
  }

  /// Reads an open file from its present offset to its end.
  static func read(
    _ file: Descriptor, _ path: String, limit: Int
  ) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(file.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("read", path) }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else { throw SystemError("read", path, number: EFBIG) }
      bytes += buffer[..<count]
    }
  }

  /// Reads a file as text; nil when it can't be read, as when a process of `/proc` has gone.
  static func text(_ path: String, limit: Int = 65_536) -> String? {
    // Absence is the answer here, not a failure.
    (try? read(path, limit: limit)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Writes all bytes at the present offset.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to file: Descriptor, _ path: String
  ) throws(SystemError) {
    var rest = bytes
    while let start = rest.baseAddress, !rest.isEmpty {
      let count = Glibc.write(file.number, start, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("write", path) }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes all bytes at the present offset.
  static func write(_ bytes: [UInt8], to file: Descriptor, _ path: String) throws(SystemError) {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(SystemError) in try write(bytes, to: file, path) }
    }
    try result.get()
  }

  /// Replaces a file whole and durably: after a crash it holds the old bytes or the new.
  ///
  /// - Parameter temporary: Where the bytes are written first, on the same file system; writers
  ///   that may replace one file at the same time each need a name of their own.
  static func replace(
    _ path: String, with bytes: [UInt8], mode: mode_t, through temporary: String? = nil
  ) throws(SystemError) {
    let temporary = temporary ?? path + ".new"
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
    let file = try Descriptor.checked(open(temporary, flags, mode), "open", temporary)
    try write(bytes, to: file, temporary)
    guard fsync(file.number) == 0 else { throw SystemError("fsync", temporary) }
    guard rename(temporary, path) == 0 else { throw SystemError("rename", path) }
    try synchronizeDirectory(of: path)
  }

  /// Makes the names in a path's directory durable.
  static func synchronizeDirectory(of path: String) throws(SystemError) {
    try synchronize(directory: parent(of: path))
  }

  /// Makes the names in a directory durable.
  static func synchronize(directory: String) throws(SystemError) {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    let opened = try Descriptor.checked(open(directory, flags), "open", directory)
    guard fsync(opened.number) == 0 else { throw SystemError("fsync", directory) }
  }

  /// The directory that a path lies in.
  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a directory and those above it, for its owner alone; an existing one must be the
  /// owner's and closed to all others, and is made so when it is ours.
  static func makePrivateDirectory(_ path: String) throws(SystemError) {
    try makeDirectories(path)
    let status = try FileStatus(path)
    guard status.kind == .directory else { throw SystemError("mkdir", path, number: ENOTDIR) }
    guard status.owner == geteuid() else { throw SystemError("mkdir", path, number: EPERM) }
    guard status.permissions == 0o700 || chmod(path, 0o700) == 0 else {
      throw SystemError("chmod", path)
    }
  }

  /// Makes a directory and those above it where they are missing, for their owner alone.
  static func makeDirectories(_ path: String) throws(SystemError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, parent(of: path) != path else { throw SystemError("mkdir", path) }
    try makeDirectories(parent(of: path))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemError("mkdir", path) }
  }

  /// The names in a directory but `.` and `..`, sorted.
  static func names(in directory: String) throws(SystemError) -> [String] {
    guard let stream = opendir(directory) else { throw SystemError("opendir", directory) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Where a symbolic link leads; nil when there is none.
  static func target(ofLink path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink(path, &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path from the root on, whatever the working directory becomes later.
  static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
    defer { free(current) }
    return String(cString: current) + "/" + path
  }

  /// Removes a file, or a directory with everything in it, also where it is read-only; what can't
  /// be removed stays.
  static func removeTree(_ path: String) {
    if unlink(path) == 0 || errno == ENOENT { return }
    chmod(path, 0o700)
    for name in (try? names(in: path)) ?? [] { removeTree("\(path)/\(name)") }
    rmdir(path)
  }
}
