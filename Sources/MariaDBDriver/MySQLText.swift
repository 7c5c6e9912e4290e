import WindlassCore
import WindlassSchema

/// Puts statements together for the text protocol.
enum MySQLText {
  /// The statement with its parameters in the places of `?`.
  ///
  /// Blobs, and texts of anything but letters, digits and a few signs, go as hexadecimal digits, so
  /// that no value can be read as anything else.
  static func rendered(_ statement: SQLStatement, database: String) throws(StepFailure) -> String {
    guard !statement.parameters.isEmpty else { return statement.text }
    let bytes = Array(statement.text.utf8)
    let pieces: [MySQLPiece]
    do {
      pieces = try MySQLTokenizer.pieces(of: bytes)
    } catch {
      throw misfit(database)
    }
    var parameters = statement.parameters[...]
    var text = ""
    for piece in pieces {
      let isPlace = piece.kind == .symbol && bytes[piece.range.lowerBound] == UInt8(ascii: "?")
      guard isPlace else {
        text += String(decoding: bytes[piece.range], as: UTF8.self)
        continue
      }
      guard let value = parameters.popFirst() else { throw misfit(database) }
      text += literal(value)
    }
    guard parameters.isEmpty else { throw misfit(database) }
    return text
  }

  /// A value as the server reads it, whatever its SQL mode.
  static func literal(_ value: SQLValue) -> String {
    switch value {
    case .null: "NULL"
    case .integer(let number): String(number)
    case .real(let number): number.isFinite ? "\(number)e0".replacingExponent : "NULL"
    case .text(let text):
      isPlain(text) ? "_utf8mb4'\(text)'" : "_utf8mb4 x'\(hexadecimal(Array(text.utf8)))'"
    case .blob(let bytes): "x'\(hexadecimal(bytes))'"
    }
  }

  /// A name in back quotes.
  static func quoted(_ name: String) -> String {
    // Hardly any name has one in it.
    guard name.holds("`") else { return "`" + name + "`" }
    return "`"
      + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``")
      + "`"
  }

  /// Whether the text is nothing but what means itself between quotes in every SQL mode.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "-"), UInt8(ascii: ":"):
        true
      default: false
      }
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
      for (index, byte) in bytes.enumerated() {
        buffer[index * 2] = digit(byte >> 4)
        buffer[index * 2 + 1] = digit(byte & 15)
      }
      return bytes.count * 2
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func misfit(_ database: String) -> StepFailure {
    StepFailure(
      code: "BadStatement", disposition: .stop,
      message: "A statement for \(database) has other parameters than places for them. Report it.")
  }
}

extension String {
  /// A number such as `1e+20e0` or `1.5e0` with one exponent.
  fileprivate var replacingExponent: String {
    let number = dropLast(2)
    return number.contains("e") ? String(number) : self
  }
}
