extension JSONValue {
  /// The text, if this is a string.
  public var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// The integer, if this was written as one; `1.0` is not.
  public var integer: Int64? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  /// The number, whether it was written as an integer or not; integers beyond 2^53 are rounded.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    case .null, .bool, .string, .array, .object: nil
    }
  }

  /// The truth value, if this is one.
  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The elements, if this is an array.
  public var array: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The members in their written order, if this is an object.
  public var object: [JSONMember]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// Whether this is `null`.
  public var isNull: Bool { self == .null }

  /// The value at a JSON pointer (RFC 6901) such as `/releases/0/version`; the empty pointer is
  /// the whole document. Nil when nothing is there, or when the pointer is none.
  public func value(at pointer: String) -> JSONValue? {
    guard let tokens = JSONPointer.tokens(pointer) else { return nil }
    var current = self
    for token in tokens {
      guard let next = current.child(token) else { return nil }
      current = next
    }
    return current
  }

  private func child(_ token: String) -> JSONValue? {
    switch self {
    case .object: return self[token]
    case .array(let elements):
      guard let index = JSONPointer.index(token), index < elements.count else { return nil }
      return elements[index]
    case .null, .bool, .integer, .double, .string: return nil
    }
  }
}

/// The syntax of RFC 6901.
public enum JSONPointer {
  /// The unescaped tokens of a pointer; nil when the text is no pointer.
  public static func tokens(_ pointer: String) -> [String]? {
    guard !pointer.isEmpty else { return [] }
    guard pointer.utf8.first == UInt8(ascii: "/") else { return nil }
    var tokens: [String] = []
    for part in pointer.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
      .dropFirst()
    {
      guard let token = unescaped(part) else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  /// The array index that a token means: digits without a leading zero.
  static func index(_ token: String) -> Int? {
    guard !token.isEmpty, token.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      token == "0" || token.utf8.first != 0x30
    else { return nil }
    return Int(token)
  }

  private static func unescaped(_ part: Substring.UnicodeScalarView) -> String? {
    var token = String.UnicodeScalarView()
    var scalars = part.makeIterator()
    while let scalar = scalars.next() {
      guard scalar == "~" else {
        token.append(scalar)
        continue
      }
      switch scalars.next() {
      case "0": token.append("~")
      case "1": token.append("/")
      default: return nil
      }
    }
    return String(token)
  }
}
