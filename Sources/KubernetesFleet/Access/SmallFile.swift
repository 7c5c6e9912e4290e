import Glibc

/// Whole small files, such as tokens and certificates.
enum SmallFile {
  /// Reads a regular file of at most that many bytes.
  static func read(_ path: String, sizeMax: Int) throws(AccessError) -> [UInt8] {
    // Without O_NONBLOCK a pipe would hold the caller until somebody writes to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure(path, reason(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path, reason(errno)) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw failure(path, "it is no regular file") }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, reason(errno)) }
      guard count > 0 else { return bytes }
      guard bytes.count + count <= sizeMax else {
        throw failure(path, "it has more than \(sizeMax) bytes")
      }
      bytes.append(contentsOf: piece[..<count])
    }
  }

  /// Reads a file of text without the white space around it, such as a token.
  static func text(_ path: String, sizeMax: Int) throws(AccessError) -> String {
    let bytes = try read(path, sizeMax: sizeMax)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure(path, "it is not UTF-8 text")
    }
    return text.trimmed
  }

  /// Whether something is there under that path.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  private static func failure(_ path: String, _ reason: String) -> AccessError {
    AccessError(.unreadable, "The file \(path) can't be read: \(reason).")
  }

  private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}

extension String {
  /// The text without spaces and line ends around it.
  var trimmed: String {
    var rest = Substring(self)
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}
