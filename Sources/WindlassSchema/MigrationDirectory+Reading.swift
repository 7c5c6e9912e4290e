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
      guard name != ".", name != "..", !isDirectory("\(path)/\(name)") else { continue }
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
    guard let file = entry.upFile else {
      return try MigrationBody(version: version, file: entry.downFile ?? "", bytes: [])
    }
    return try MigrationBody(
      version: version, file: file, bytes: Self.contents(of: "\(path)/\(file)"))
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    // A link to a directory is a file to the other tool as well, and reading it then fails.
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func contents(of path: String) throws(StepFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, "this user may not open it") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw unreadable(path, "it is no ordinary file")
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path, "reading it failed with error \(errno)") }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= Bounds.migrationSizeMax else {
        throw unreadable(path, "it is larger than \(Bounds.migrationSizeMax) bytes")
      }
    }
  }

  private static func unreadable(_ path: String, _ reason: String) -> StepFailure {
    StepFailure(
      code: "MigrationUnreadable", disposition: .stop,
      message: "\(path) can't be read: \(reason). Correct the path or the file.")
  }
}
