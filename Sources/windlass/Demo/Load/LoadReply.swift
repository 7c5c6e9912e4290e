/// A reply as it came in, read just far enough to judge it.
struct LoadReply: Sendable {
  var status: Int
  var length: Int
  /// What the reply's `X-Request-ID` says.
  var requestNumber: Int?
  /// What the reply's `Server` says, such as `beacon/1.1.0`.
  var server: String
  /// Whether the server closes the connection after it.
  var closes: Bool
  var body: [UInt8] = []

  /// Reads a head without its blank line; nil for one that a client could not rely on, as without
  /// a length a cut reply would look whole.
  init?(head: some Collection<UInt8>) {
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
    let words = (lines.first ?? "").split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      return nil
    }
    var fields: [String: Substring] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      fields[line[..<colon].lowercased()] = value
    }
    guard let length = fields["content-length"].flatMap({ Int($0) }), length >= 0 else {
      return nil
    }
    self.status = status
    self.length = length
    requestNumber = fields["x-request-id"].flatMap { Int($0) }
    server = fields["server"].map(String.init) ?? ""
    closes = fields["connection"]?.lowercased() == "close" || words[0] == "HTTP/1.0"
  }

  /// What is wrong with it as the reply to the request; nil when it is right.
  func fault(for request: LoadRequest) -> String? {
    guard status == 200 else {
      return "status \(status): \(String(decoding: body.prefix(300), as: UTF8.self))"
    }
    guard requestNumber == request.number else {
      return "the reply belongs to request \(requestNumber.map(String.init) ?? "none")"
    }
    for text in request.expected where !body.contains(sequence: Array(text.utf8)) {
      return "the reply lacks \(text): \(String(decoding: body.prefix(300), as: UTF8.self))"
    }
    return nil
  }
}

extension [UInt8] {
  /// Whether `part` occurs in here.
  func contains(sequence part: [UInt8]) -> Bool { firstIndex(ofSequence: part) != nil }

  /// Where `part` first occurs.
  func firstIndex(ofSequence part: [UInt8]) -> Int? {
    guard let first = part.first else { return 0 }
    guard count >= part.count else { return nil }
    return indices.dropLast(part.count - 1).first { start in
      self[start] == first && self[start..<start + part.count].elementsEqual(part)
    }
  }
}
