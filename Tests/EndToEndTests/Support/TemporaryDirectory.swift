import FoundationEssentials

/// A directory of one test, which goes with its last owner.
final class TemporaryDirectory: Sendable {
  let path: String

  /// Makes a fresh directory.
  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(
      path: "windlass-end-to-end-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    path = url.path
  }

  deinit {
    // A directory that stays is no reason to fail; the system's temporary files are swept.
    try? Self.remove(path)
  }

  /// Removes a directory with all that is in it; one that is not there is no error.
  static func remove(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    makeWritable(path)
    try FileManager.default.removeItem(atPath: path)
  }

  /// Unpacked archives are read-only, and a directory has to be writable to be emptied.
  private static func makeWritable(_ directory: String) {
    var isDirectory = false
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      let path = "\(directory)/\(name)"
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory
      else { continue }
      try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
      makeWritable(path)
    }
  }

  /// The path of a file or directory in it.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes a directory in it, and returns its path.
  func directory(_ name: String) throws -> String {
    try FileManager.default.createDirectory(
      atPath: file(name), withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    return file(name)
  }

  /// The bytes of a file in it.
  func contents(of name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: file(name))))
  }

  /// Writes a file in it, makes the directory that it is in, and returns its path.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    let url = URL(filePath: file(name))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
    return file(name)
  }

  /// The names in a directory in it, sorted; none when there is no such directory.
  func names(in name: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: file(name))) ?? []).sorted()
  }
}
