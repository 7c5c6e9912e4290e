import Glibc
import Testing

/// What tests ask about sockets.
enum Sockets {
  /// Sends a line to a UNIX socket and returns the answer.
  static func ask(_ path: String, _ line: String) -> String? {
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(client) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) }
    }
    let bytes = Array(line.utf8)
    guard result == 0, write(client, bytes, bytes.count) == bytes.count else { return nil }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(client, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}

/// Files that tests write.
enum Records {
  struct Failure: Error {}

  /// Replaces a file.
  static func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw Failure() }
    defer { fclose(file) }
    guard fputs(text, file) >= 0 else { throw Failure() }
  }
}

extension FleetWorld {
  /// Changes what the shim has on record.
  func editRecords(_ edit: (String) -> String) throws {
    let path = directory + "/state/shim.json"
    let text = try #require(String(contentsOfFile: path))
    let edited = edit(text)
    try #require(edited != text)
    try Records.write(edited, to: path)
  }
}

extension String {
  /// The text with every occurrence of a part replaced.
  func replacing(_ part: String, with replacement: String) -> String {
    split(separator: part, omittingEmptySubsequences: false).joined(separator: replacement)
  }
}
