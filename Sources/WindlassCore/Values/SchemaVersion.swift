/// What a ledger says about a schema: the version of the last migration applied.
///
/// Version 0 is an ordinary version; "nothing applied" is the absence of one, never zero
/// (golang-migrate's ledger has no row then).
public struct SchemaVersion: Hashable, Comparable, Codable, Sendable, CustomStringConvertible,
  ExpressibleByIntegerLiteral
{
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
  public init(integerLiteral value: UInt64) { number = value }
  public static func < (left: SchemaVersion, right: SchemaVersion) -> Bool {
    left.number < right.number
  }
  public var description: String { String(number) }

  public init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(UInt64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}

/// The schema versions that a release's server works with, both ends included.
public struct SchemaWindow: Hashable, Codable, Sendable, CustomStringConvertible {
  public var min: SchemaVersion
  public var max: SchemaVersion

  /// Makes a window; nil when `min` is above `max`.
  public init?(min: SchemaVersion, max: SchemaVersion) {
    guard min <= max else { return nil }
    self.min = min
    self.max = max
  }

  /// The window of exactly one version.
  public init(at version: SchemaVersion) {
    min = version
    max = version
  }

  /// Whether the version lies in the window; nothing applied lies in none.
  public func contains(_ version: SchemaVersion?) -> Bool {
    guard let version else { return false }
    return min <= version && version <= max
  }

  public var description: String { "\(min)...\(max)" }
}

/// When a migration runs in a hop.
public enum MigrationPhase: String, Codable, Sendable, CaseIterable {
  /// Before the roll: the old server goes on working.
  case expand
  /// Before the roll, after expansion: data moved in batches.
  case backfill
  /// After the last old instance is gone: the old server would break.
  case contract
}

/// One migration of a release, in the order of its version.
public struct Migration: Hashable, Codable, Sendable {
  public var version: SchemaVersion
  public var phase: MigrationPhase

  public init(version: SchemaVersion, phase: MigrationPhase) {
    self.version = version
    self.phase = phase
  }
}
