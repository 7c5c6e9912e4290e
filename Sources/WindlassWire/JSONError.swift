public import WindlassCore

/// What a JSON document may cost.
public struct JSONLimits: Hashable, Sendable {
  /// Bytes of the document.
  public var sizeMax: Int
  /// Arrays and objects inside each other; a scalar alone has depth 0.
  public var depthMax: Int
  /// Members of one object, and elements of one array.
  public var elementsMax: Int

  /// Makes limits; without arguments those of a release manifest.
  public init(
    sizeMax: Int = Bounds.manifestSizeMax, depthMax: Int = Bounds.jsonDepthMax,
    elementsMax: Int = Bounds.jsonElementsMax
  ) {
    self.sizeMax = sizeMax
    // The parser recurses once per level, so no caller may ask for more than a thread's stack has.
    self.depthMax = min(depthMax, Bounds.jsonDepthLimit)
    self.elementsMax = elementsMax
  }
}

/// Why bytes are no JSON document that Windlass accepts, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways to fail; bounded, so it may label a metric.
  public enum Code: String, Sendable {
    case tooLarge, tooDeep, tooManyElements
    case byteOrderMark, invalidUTF8, truncated, unexpectedByte, trailingBytes
    case badEscape, loneSurrogate, controlCharacter
    case badNumber, numberOutOfRange, duplicateName
  }

  /// The kind of failure.
  public var code: Code
  /// Bytes before the place of the failure.
  public var offset: Int
  /// The line of that place, counted from 1.
  public var line: Int
  /// The place in its line, in bytes, counted from 1.
  public var column: Int
  /// What is wrong there; quotes names of members, so it may hold foreign text.
  public var message: String

  /// Makes an error at a place.
  public init(_ code: Code, offset: Int, line: Int, column: Int, message: String) {
    self.code = code
    self.offset = offset
    self.line = line
    self.column = column
    self.message = message
  }

  public var description: String { "line \(line), column \(column): \(message)" }
}
