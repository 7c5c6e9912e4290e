import Glibc
import Synchronization
import WindlassWire

/// The only place that writes to the terminal.
///
/// Results go to standard output, as text for people or, with `--json`, as one JSON object a line;
/// progress and errors go to standard error. Colour and redrawing happen on a terminal alone.
/// A reader that went away is no error: the work matters more than its report.
final class Output: Sendable {
  /// Whether machines read: text for people is then left out.
  let isJSON: Bool
  private let standardOutput: Int32
  private let standardError: Int32
  private let colours: (output: Bool, error: Bool)
  /// Lines that the last frame left on standard error.
  private let frameHeight = Mutex(0)

  /// Makes an output over two descriptors, which stay the caller's.
  init(
    isJSON: Bool, standardOutput: Int32 = STDOUT_FILENO, standardError: Int32 = STDERR_FILENO
  ) {
    self.isJSON = isJSON
    self.standardOutput = standardOutput
    self.standardError = standardError
    let isColourWanted = ProcessEnvironment.value(of: "NO_COLOR") == nil
    colours = (
      isColourWanted && isatty(standardOutput) == 1, isColourWanted && isatty(standardError) == 1
    )
  }

  /// Whether standard error is a terminal, so that `frame` redraws.
  var isInteractive: Bool { isatty(standardError) == 1 && !isJSON }

  /// Writes a line for people.
  func line(_ spans: Span...) { line(spans) }

  /// Writes a line for people.
  func line(_ spans: [Span]) {
    guard !isJSON else { return }
    write(render(spans, inColour: colours.output) + "\n", to: standardOutput)
  }

  /// Writes one JSON object on a line, for machines.
  func object(_ value: JSONValue) {
    guard isJSON else { return }
    write(value.text + "\n", to: standardOutput)
  }

  /// Writes a table for people: columns as wide as their widest cell, two blanks between.
  func table(header: [String], rows: [[Span]]) {
    guard !isJSON else { return }
    for row in TextTable(header: header, rows: rows).lines { line(row) }
  }

  /// Writes a line about work that goes on, for people who watch.
  func progress(_ spans: Span...) {
    guard !isJSON else { return }
    frameHeight.withLock { $0 = 0 }
    write(render(spans, inColour: colours.error) + "\n", to: standardError)
  }

  /// Draws the lines over the ones of the last frame; nothing where no terminal is.
  func frame(_ lines: [[Span]]) {
    guard isInteractive else { return }
    let height = frameHeight.withLock { height in
      defer { height = lines.count }
      return height
    }
    var text = height > 0 ? "\u{1B}[\(height)F\u{1B}[J" : ""
    for spans in lines { text += render(spans, inColour: colours.error) + "\n" }
    write(text, to: standardError)
  }

  /// Writes help that was asked for, as it is.
  func help(_ text: String) { write(text + "\n", to: standardOutput) }

  /// Writes an error: a paragraph for people, and with `--json` an object for machines as well.
  func failure(_ failure: CommandFailure) {
    let label = Span("error: ", .bad)
    write(
      render([label, Span(failure.message)], inColour: colours.error) + "\n", to: standardError)
    object([
      "error": [
        "code": .string(failure.code), "exit": .integer(Int64(failure.status.rawValue)),
        "message": .string(failure.message),
      ]
    ])
  }

  private func render(_ spans: [Span], inColour: Bool) -> String {
    // `joined()` would look for a conformance in the whole program first, which takes longer.
    spans.reduce(into: "") { $0 += $1.rendered(inColour: inColour) }
  }

  private func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var offset = 0
      while offset < bytes.count {
        let count = Glibc.write(
          descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        offset += count
      }
    }
  }
}
