/// A piece of a line and how it looks on a terminal.
struct Span: Hashable, Sendable, ExpressibleByStringInterpolation {
  /// What a piece of text means; the colour follows from it.
  enum Tone: Sendable {
    case plain, strong, faint, good, bad, warning
  }

  /// The text; control characters in it are shown, never obeyed.
  var text: String
  var tone: Tone

  init(_ text: String, _ tone: Tone = .plain) {
    self.text = text
    self.tone = tone
  }

  init(stringLiteral value: String) { self.init(value) }

  static func strong(_ text: String) -> Span { Span(text, .strong) }
  static func faint(_ text: String) -> Span { Span(text, .faint) }
  static func good(_ text: String) -> Span { Span(text, .good) }
  static func bad(_ text: String) -> Span { Span(text, .bad) }
  static func warning(_ text: String) -> Span { Span(text, .warning) }

  /// The text as it is written, with the terminal's codes around it where `inColour`.
  func rendered(inColour: Bool) -> String {
    let safe = Span.escaped(text)
    guard inColour, let code else { return safe }
    return "\u{1B}[\(code)m\(safe)\u{1B}[0m"
  }

  private var code: String? {
    switch tone {
    case .plain: nil
    case .strong: "1"
    case .faint: "2"
    case .good: "32"
    case .bad: "31"
    case .warning: "33"
    }
  }

  /// The text with control characters, line breaks excepted, as `\u{1b}`: what a feed or a server
  /// wrote must not drive the terminal.
  static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if isControl(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A: false
    // C0, DEL and C1, and the marks that turn the direction of text around.
    case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
