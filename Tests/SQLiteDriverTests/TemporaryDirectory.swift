import FoundationEssentials
import Glibc
import WindlassCore

@testable import SQLiteDriver

/// A directory of one test, removed with everything in it when the test ends.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/windlass-sqlite-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp failed: \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    // A directory that stays behind harms no test.
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of a file in the directory.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file.
  func write(_ text: String, to name: String) throws {
    try Self.write(Array(text.utf8), to: file(name))
  }

  /// Makes a directory with files.
  func makeDirectory(_ name: String, _ files: [String: String]) throws -> String {
    mkdir(file(name), 0o755)
    for (file, text) in files { try write(text, to: "\(name)/\(file)") }
    return file(name)
  }

  /// The names of the files in the directory, ascending.
  func names(in name: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: file(name))) ?? []
    return names.sorted()
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    guard let file = fopen(path, "w") else { throw TestFailure("\(path) can't be written") }
    defer { fclose(file) }
    guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
      throw TestFailure("\(path) was not written in full")
    }
  }

  static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw TestFailure("\(path) can't be read") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
  }
}

/// Why a test could not be carried out.
struct TestFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

extension SQLiteConnection {
  /// Opens or makes a database for a test.
  static func opened(
    _ path: String, mode: SQLiteOptions.JournalMode? = .wal
  ) throws -> SQLiteConnection {
    try SQLiteConnection(SQLiteOptions(path: path, access: .create, journalMode: mode))
  }

  /// The rows of a query, each as its values with bars between.
  func lines(_ query: String) throws -> [String] {
    try rows(query).map { row in
      row.values.map { value in
        switch value {
        case .null: "NULL"
        case .integer(let number): String(number)
        case .real(let number): String(number)
        case .text(let text): text
        case .blob(let bytes): "\(bytes)"
        }
      }.joined(separator: "|")
    }
  }
}

/// The failure that the body throws.
func failure(
  of body: () async throws -> Void
) async -> StepFailure? {
  do {
    try await body()
    return nil
  } catch {
    return error as? StepFailure
  }
}
