import Glibc
package import WindlassCore

extension MigrationDirectory {
  /// Reads the names in a directory; there is no recursion.
  package static func read(at path: String) throws(StepFailure) -> MigrationDirectory {
    guard let stream = opendir(path) else {
      throw unreadable(path, "there is no such directory that this user may read")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let record = readdir(stream) {
      let name = withUnsafePointer(to: &record.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
          String(cString: $0)
        }
      }
      guard name != ".", name != "..", !isDirectory(record, name, in: path) else { continue }
      guard names.count < Bounds.migrationFilesMax else {
        throw unreadable(path, "it has more than \(Bounds.migrationFilesMax) files")
      }
      names.append(name)
    }
    return try MigrationDirectory(path: path, names: names)
  }

  /// Reads the body of a version, which is empty when the version has no file that goes up.
  package func body(of version: SchemaVersion) throws(StepFailure) -> MigrationBody {
    guard let entry = entry(version) else {
      throw StepFailure(
        code: "MissingFile", disposition: .stop,
        message: "\(path) has no migration \(version), which the plan or the ledger names. Put the"
          + " file back, or use the directory that the ledger was made from.")
    }
    return try MigrationBody(
      version: version, file: entry.upFile ?? entry.downFile ?? "", bytes: bytes(of: entry))
  }

  /// Reads the bytes of a version's file that goes up; none when it has no such file.
  func bytes(of entry: Entry) throws(StepFailure) -> [UInt8] {
    guard let file = entry.upFile else { return [] }
    return try Self.contents(of: "\(path)/\(file)")
  }

  private static func isDirectory(
    _ record: UnsafeMutablePointer<dirent>, _ name: String, in path: String
  ) -> Bool {
    // Most file systems tell the kind with the name.
    let kind = Int(record.pointee.d_type)
    guard kind == Int(DT_UNKNOWN) else { return kind == Int(DT_DIR) }
    var status = stat()
    // A link to a directory is a file to the other tool as well, and reading it then fails.
    return lstat("\(path)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func contents(of path: String) throws(StepFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, "this user may not open it") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw unreadable(path, "it is no ordinary file")
    }
    // Room for one byte more than there should be: a file that fills it has grown meanwhile.
    var room = max(0, min(Int(status.st_size), Bounds.migrationSizeMax)) + 1
    var bytes: [UInt8] = []
    while true {
      let (piece, isEnd) = try read(room, from: descriptor, path)
      bytes = bytes.isEmpty ? piece : bytes + piece
      guard bytes.count <= Bounds.migrationSizeMax else {
        throw unreadable(path, "it is larger than \(Bounds.migrationSizeMax) bytes")
      }
      if isEnd { return bytes }
      room = 65_536
    }
  }

  /// Reads until the room is full or the file ends.
  private static func read(
    _ room: Int, from descriptor: Int32, _ path: String
  ) throws(StepFailure) -> (bytes: [UInt8], isEnd: Bool) {
    var isEnd = false
    var reason: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      while count < room, !isEnd, reason == 0 {
        let length = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), room - count)
        if length < 0, errno == EINTR { continue }
        // Less than was asked for of an ordinary file is its end.
        isEnd = length >= 0 && length < room - count
        if length < 0 { reason = errno } else { count += length }
      }
    }
    guard reason == 0 else { throw unreadable(path, "reading it failed with error \(reason)") }
    return (bytes, isEnd)
  }

  private static func unreadable(_ path: String, _ reason: String) -> StepFailure {
    StepFailure(
      code: "MigrationUnreadable", disposition: .stop,
      message: "\(path) can't be read: \(reason). Correct the path or the file.")
  }
}
