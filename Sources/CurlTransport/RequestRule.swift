import WindlassWire

/// What a request must look like before it is handed to libcurl, which would send anything.
enum RequestRule {
  /// Refuses a method or header that would change the meaning of the bytes on the wire.
  static func check(_ request: HTTPRequest) throws(HTTPError) {
    guard isToken(request.method) else {
      throw HTTPError(.other, "The method of an HTTP request must be a word such as GET.")
    }
    for header in request.headers {
      guard isToken(header.name) else {
        throw HTTPError(
          .other, "A header's name may hold letters, digits and a few marks, no spaces or colons.")
      }
      // libcurl writes the lines as they are: a line end inside would be a header of its own.
      guard header.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw HTTPError(.other, "The header \(header.name) holds a control character; remove it.")
      }
      guard !framing.contains(header.name.lowercased()) else {
        throw HTTPError(
          .other, "The header \(header.name) is set by the transport; leave it out.")
      }
    }
  }

  /// Headers that say where a request ends.
  private static let framing: Set<String> = [
    "connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  /// Whether the text is a token of RFC 9110.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 256
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}
