import FoundationEssentials

/// Requests and accounts of visits as text, in which they go from one process to another.
extension VisitRequest {
  package var text: String { VisitCoding.text(self) }

  /// Reads a request; nil for a text that is none of this version.
  package init?(text: String) {
    guard let request = VisitCoding.read(VisitRequest.self, text) else { return nil }
    self = request
  }
}

extension ServerVisit {
  /// The account as text, as short as it has to be.
  ///
  /// - Parameter fits: whether a text has room where it goes.
  package func text(fitting fits: (String) -> Bool) -> String {
    var account = self
    var text = VisitCoding.text(account)
    // Each turn halves something, so that a few dozen are enough for the longest.
    for _ in 0..<64 where !fits(text) {
      account.shorten()
      text = VisitCoding.text(account)
    }
    return text
  }

  /// Reads an account; nil for a text that is none of this version.
  package init?(text: String) {
    guard let visit = VisitCoding.read(ServerVisit.self, text) else { return nil }
    self = visit
  }
}

private enum VisitCoding {
  static func text(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Numbers, texts and lists of them: nothing that JSON has no form for.
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  static func read<Value: Decodable>(_ type: Value.Type, _ text: String) -> Value? {
    // What is wrong is told by the caller, who knows what it should have been.
    try? JSONDecoder().decode(type, from: Data(text.utf8))
  }
}
