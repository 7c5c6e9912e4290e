import WindlassCore
import WindlassWire

/// Foreign text made fit for a sentence of evidence: one line, bounded, without anything that a
/// terminal or a log reader acts on.
enum Excerpt {
  /// The text with runs of white space as one space, other control and formatting characters as
  /// escapes, cut after `limit` characters.
  static func plain(_ text: some StringProtocol, limit: Int = Bounds.evidenceQuoteMax) -> String {
    var result = String.UnicodeScalarView()
    var isAfterSpace = true
    // A reply may be large; nothing beyond this can show, however it is escaped.
    for scalar in text.unicodeScalars.prefix(limit * 8) {
      if scalar.properties.isWhitespace {
        if !isAfterSpace { result.append(" ") }
        isAfterSpace = true
        continue
      }
      isAfterSpace = false
      if isPrintable(scalar) {
        result.append(scalar)
      } else {
        result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      }
    }
    if result.last == " " { result.removeLast() }
    let line = String(result)
    guard line.count > limit else { return line }
    return line.prefix(limit) + "…"
  }

  /// What a server's reply says went wrong: the text that a JSON object carries under a usual
  /// name, with the statement it blames, else the reply itself.
  static func complaint(_ body: [UInt8]) -> String {
    let limits = JSONLimits(sizeMax: Int(Bounds.probeReplySizeMax))
    // A reply that is no JSON is quoted as the text that it is.
    if let document = try? JSONValue.parse(body, limits: limits), let text = message(in: document) {
      return plain(text)
    }
    let text = plain(String(decoding: body.prefix(Bounds.evidenceQuoteMax * 4), as: UTF8.self))
    return text.isEmpty ? "an empty reply" : text
  }

  private static func message(in document: JSONValue) -> String? {
    for name in ["error", "message", "detail", "title"] {
      guard let member = document[name] else { continue }
      guard let text = member.string ?? member["message"]?.string, !text.isEmpty else { continue }
      let holder = member.object == nil ? document : member
      return statement(in: holder).map { "\(text) in: \($0)" } ?? text
    }
    return nil
  }

  private static func statement(in document: JSONValue) -> String? {
    ["query", "sql", "statement"].lazy.compactMap { document[$0]?.string }.first { !$0.isEmpty }
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      false
    default: true
    }
  }
}
