import WindlassCore

extension JSONParser {
  /// Reads a string; its opening quotation mark is next.
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    let isASCII = try passPlain()
    guard bytes[position] == UInt8(ascii: "\"") else {
      return try escapedString(from: start, isASCII: isASCII)
    }
    let text = try text(bytes[start..<position], isASCII: isASCII, at: start)
    position += 1
    return text
  }

  /// Passes what stands for itself in a string, up to an escape or the end of the string.
  ///
  /// - Returns: Whether all of it is ASCII.
  private mutating func passPlain() throws(JSONError) -> Bool {
    var isASCII = true
    let count = bytes.count
    while position < count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return isASCII }
      guard byte >= 0x20 else { throw controlCharacter() }
      if byte >= 0x80 { isASCII = false }
      position += 1
    }
    throw truncated("the end of a string")
  }

  /// Reads the rest of a string that has an escape; the first one is next.
  private mutating func escapedString(
    from start: Int, isASCII: Bool
  ) throws(JSONError) -> String {
    var isASCII = isASCII
    var unescaped = Array(bytes[start..<position])
    while bytes[position] != UInt8(ascii: "\"") {
      if try !escape(into: &unescaped) { isASCII = false }
      let plain = position
      if try !passPlain() { isASCII = false }
      unescaped.append(contentsOf: bytes[plain..<position])
    }
    let text = try text(unescaped[...], isASCII: isASCII, at: start)
    position += 1
    return text
  }

  /// Reads an escape.
  ///
  /// - Returns: Whether it stands for ASCII.
  private mutating func escape(into unescaped: inout [UInt8]) throws(JSONError) -> Bool {
    guard position + 1 < bytes.count else {
      position = bytes.count
      throw truncated("the rest of an escape")
    }
    let plain: UInt8
    switch bytes[position + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = bytes[position + 1]
    case UInt8(ascii: "b"): plain = 0x08
    case UInt8(ascii: "f"): plain = 0x0C
    case UInt8(ascii: "n"): plain = 0x0A
    case UInt8(ascii: "r"): plain = 0x0D
    case UInt8(ascii: "t"): plain = 0x09
    case UInt8(ascii: "u"):
      let scalar = try escapedScalar()
      unescaped.append(contentsOf: String(scalar).utf8)
      return scalar.isASCII
    default: throw error(.badEscape, "an unknown escape in a string")
    }
    unescaped.append(plain)
    position += 2
    return true
  }

  /// Reads `\uXXXX`, or two of them when they are a surrogate pair.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let start = position
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, position < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      position + 1 == bytes.count || bytes[position + 1] == UInt8(ascii: "u")
    else {
      position = start
      throw loneSurrogate()
    }
    let second = try codeUnit()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else {
      position = start
      throw loneSurrogate()
    }
    return scalar
  }

  /// Reads `\uXXXX` as a number.
  private mutating func codeUnit() throws(JSONError) -> UInt32 {
    position += 2
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count else {
        position = bytes.count
        throw truncated("the rest of an escape")
      }
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue,
        bytes[position] < 0x80
      else { throw error(.badEscape, "\"\\u\" needs four hexadecimal digits") }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }

  private func text(
    _ slice: ArraySlice<UInt8>, isASCII: Bool, at start: Int
  ) throws(JSONError) -> String {
    // Decoding can't repair anything in ASCII, and is much cheaper than validating.
    if isASCII { return String(decoding: slice, as: UTF8.self) }
    if let text = String(validating: slice, as: UTF8.self) { return text }
    var place = self
    place.position = start
    throw place.error(.invalidUTF8, "the string that starts here is not UTF-8")
  }

  private func loneSurrogate() -> JSONError {
    error(.loneSurrogate, "half of a surrogate pair is no character")
  }

  private func controlCharacter() -> JSONError {
    error(.controlCharacter, "a control character inside a string must be written as an escape")
  }
}

// MARK: - Numbers

extension JSONParser {
  /// Reads a number; its sign or first digit is next.
  mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if take(UInt8(ascii: "0")) {
      guard !nextIsDigit else { throw error(.badNumber, "a number has no leading zero") }
    } else {
      try digits("a digit")
    }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      isInteger = false
      try digits("a digit after the decimal point")
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits("a digit of the exponent")
    }
    guard position - start <= Bounds.jsonNumberLengthMax else {
      position = start
      throw error(.numberOutOfRange, "the number has too many digits")
    }
    let written = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int64(written) { return .integer(integer) }
    if !isInteger, let double = Double(written), double.isFinite { return .double(double) }
    position = start
    throw error(
      .numberOutOfRange,
      isInteger
        ? "the integer \(written) does not fit 64 bits"
        : "the number \(written) is too large for a double")
  }

  private var nextIsDigit: Bool {
    position < bytes.count && (0x30...0x39).contains(bytes[position])
  }

  /// Passes one digit or more.
  private mutating func digits(_ wanted: String) throws(JSONError) {
    guard position < bytes.count else { throw truncated(wanted) }
    guard nextIsDigit else { throw unexpected(wanted) }
    while nextIsDigit { position += 1 }
  }
}
