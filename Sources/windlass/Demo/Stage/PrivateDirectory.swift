import Glibc

/// A directory that only its owner can enter, with plain operations on files in it.
struct PrivateDirectory: Sendable {
  let path: String

  /// Takes a directory that exists.
  init(existing path: String) { self.path = path }

  /// Makes a new one below the directory for temporary files.
  ///
  /// - Throws: `CommandFailure` when that directory cannot be written to.
  static func temporary(_ name: String) throws(CommandFailure) -> PrivateDirectory {
    let parent = ProcessEnvironment.value(of: "TMPDIR") ?? "/tmp"
    var template = Array("\(parent)/\(name)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw failure("make a directory", in: parent) }
    let path = template.withUnsafeBufferPointer { String(cString: Array($0)) }
    return PrivateDirectory(existing: path)
  }

  /// Makes a directory in this one, with those above it; one that exists is fine.
  func directory(_ name: String) throws(CommandFailure) -> PrivateDirectory {
    var path = path
    for part in name.split(separator: "/") {
      path += "/\(part)"
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
        throw PrivateDirectory.failure("make the directory", in: path)
      }
    }
    return PrivateDirectory(existing: path)
  }

  /// Writes a file in this directory, and returns its path.
  @discardableResult
  func write(
    _ name: String, _ bytes: some Collection<UInt8>, executable: Bool = false
  ) throws(CommandFailure) -> String {
    let path = "\(path)/\(name)"
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
    let descriptor = open(path, flags, executable ? 0o700 : 0o600)
    guard descriptor >= 0 else { throw PrivateDirectory.failure("write", in: path) }
    defer { close(descriptor) }
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw PrivateDirectory.failure("write", in: path) }
      rest = rest.dropFirst(count)
    }
    return path
  }

  /// Removes the directory with everything in it; what cannot be removed stays.
  func remove() {
    // Artifacts are unpacked without the right to write.
    chmod(path, 0o700)
    for name in names() {
      let entry = "\(path)/\(name)"
      var status = stat()
      let isDirectory = lstat(entry, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      if isDirectory { PrivateDirectory(existing: entry).remove() } else { unlink(entry) }
    }
    rmdir(path)
  }

  /// The names in it, but `.` and `..`.
  func names() -> [String] {
    guard let listing = opendir(path) else { return [] }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  private static func failure(_ what: String, in path: String) -> CommandFailure {
    CommandFailure(
      .failed, "FileNotWritten",
      "Can't \(what) \(path): \(String(cString: strerror(errno))). Make room there, or name "
        + "another directory for temporary files with TMPDIR.")
  }
}
