/// A value that is a name and nothing else; it prints and encodes as its text.
public protocol Identifier: Hashable, Comparable, Codable, Sendable, CustomStringConvertible,
  ExpressibleByStringLiteral
{
  var text: String { get }
  init(_ text: String)
}

extension Identifier {
  public var description: String { text }
  public init(stringLiteral value: String) { self.init(value) }
  public static func < (left: Self, right: Self) -> Bool { left.text < right.text }

  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// The name of a managed service.
public struct ServiceName: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// The name of one run: one attempt to do one hop.
public struct RunID: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// The name of one effect, the same after every replay of the same journal.
public struct EffectID: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// The name of one instance of a service; never used twice.
public struct InstanceID: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// The name of one backup.
public struct BackupID: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// A SHA-256 in lower-case hexadecimal.
public struct Digest: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }

  /// Whether the text is exactly 64 lower-case hexadecimal digits.
  public var isWellFormed: Bool {
    text.utf8.count == 64
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}

/// A fencing number, allocated in the service's database; it only grows.
public struct Epoch: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
  public let number: Int64
  public init(_ number: Int64) { self.number = number }
  public static func < (left: Epoch, right: Epoch) -> Bool { left.number < right.number }
  public var next: Epoch { Epoch(number + 1) }
  public var description: String { String(number) }

  public init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(Int64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}
