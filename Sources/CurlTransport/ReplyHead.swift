import WindlassCore
import WindlassWire

/// Collects status and headers from the lines that libcurl hands over one by one.
struct ReplyHead {
  /// The status of the newest status line; 0 before the first.
  private(set) var status = 0
  /// The headers that came with it, in order.
  private(set) var headers: [HTTPHeader] = []
  /// Bytes of all lines of this request, those of interim replies, redirects and trailers included.
  private(set) var bytesSeen = 0
  /// Whether the empty line after the headers was seen.
  private(set) var isComplete = false

  /// Makes a head before its first line.
  init() {}

  /// Forgets everything but the bytes seen, for the next hop of the same request.
  mutating func startHop() {
    status = 0
    headers = []
    isComplete = false
  }

  /// Takes one line with its line end.
  mutating func take(_ line: UnsafeRawBufferPointer) throws(HTTPError) {
    bytesSeen += line.count
    guard bytesSeen <= Bounds.headerSizeMax else {
      throw HTTPError(
        .headersTooLarge, "the headers of the reply exceed \(Bounds.headerSizeMax) bytes")
    }
    let text = String(decoding: line, as: UTF8.self)
    if text.hasPrefix("HTTP/") && (!isComplete || status < 200) {
      startHop()
      status = ReplyHead.status(of: text)
      return
    }
    // What follows the final headers are trailers, which nothing here believes.
    guard !isComplete else { return }
    try takeField(text)
  }

  private mutating func takeField(_ line: String) throws(HTTPError) {
    let content = ReplyHead.trimmed(line[...])
    guard !content.isEmpty else {
      isComplete = true
      return
    }
    if let first = line.utf8.first, first == 0x20 || first == 0x09, !headers.isEmpty {
      headers[headers.count - 1].value += " " + content
      return
    }
    guard let colon = line.firstIndex(of: ":") else { return }
    let name = ReplyHead.trimmed(line[..<colon])
    let value = ReplyHead.trimmed(line[line.index(after: colon)...])
    headers.append(HTTPHeader(String(name), String(value)))
    // libcurl would unpack a compressed transfer encoding without being asked to.
    if name.lowercased() == "transfer-encoding", !value.isEmpty,
      value.lowercased() != "chunked", value.lowercased() != "identity"
    {
      throw HTTPError(
        .other, "the reply has a transfer encoding other than chunked, which was not asked for")
    }
  }

  private static func status(of line: String) -> Int {
    let parts = line.split(separator: " ", maxSplits: 2)
    return parts.count > 1 ? Int(trimmed(parts[1])) ?? 0 : 0
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0.isNewline }
    var rest = text.drop(while: isSpace)
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    return rest
  }
}
