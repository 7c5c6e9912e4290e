import Glibc
import ReleaseFeeds
import Testing

/// A directory of a test's own, gone when the test is over.
final class Scratch: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/windlass-feeds-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    path = try #require(made)
  }

  deinit { _ = system("rm -rf '\(path)'") }

  /// The path of a file in the directory.
  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ bytes: [UInt8], to name: String) throws {
    try RegularFile.replace(self(name), with: bytes)
  }

  func read(_ name: String) throws -> [UInt8] {
    try RegularFile.read(self(name), sizeMax: 16_777_216)
  }

  func text(_ name: String) throws -> String {
    String(decoding: try read(name), as: UTF8.self)
  }

  /// Runs a shell command in the directory; whether it succeeded. What it prints goes to `log`.
  func run(_ command: String) -> Bool {
    system("cd '\(path)' && ( \(command) ) >>log 2>&1") == 0
  }
}

/// The program that everybody else signs with.
enum MinisignProgram {
  static let isInstalled = system("command -v minisign >/dev/null 2>&1") == 0
}
