import Foundation

@testable import windlass

/// An output whose text is kept.
final class Capture {
  let output: Output
  private let path: String
  private let handle: FileHandle

  init(isJSON: Bool = false) throws {
    path = FileManager.default.temporaryDirectory.path + "/windlass-output-\(UUID().uuidString)"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    handle = try FileHandle(forWritingTo: URL(filePath: path))
    output = Output(
      isJSON: isJSON, standardOutput: handle.fileDescriptor,
      standardError: handle.fileDescriptor)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Everything that was written.
  var text: String {
    get throws { try String(contentsOf: URL(filePath: path), encoding: .utf8) }
  }
}

/// A directory of a test, removed with the value.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/windlass-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
