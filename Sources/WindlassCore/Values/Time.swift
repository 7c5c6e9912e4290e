/// A length of time in whole milliseconds.
public struct Interval: Comparable, Hashable, Codable, Sendable {
  /// The length, in milliseconds.
  public var milliseconds: Int64

  /// Makes an interval of that many milliseconds.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// Makes an interval of whole milliseconds.
  public static func milliseconds(_ count: Int64) -> Interval { Interval(milliseconds: count) }

  /// Makes an interval of whole seconds.
  public static func seconds(_ count: Int64) -> Interval { Interval(milliseconds: count * 1_000) }

  /// Makes an interval of whole minutes.
  public static func minutes(_ count: Int64) -> Interval { .seconds(count * 60) }

  /// Makes an interval of whole hours.
  public static func hours(_ count: Int64) -> Interval { .minutes(count * 60) }

  /// No time at all.
  public static let zero = Interval(milliseconds: 0)

  public static func < (left: Interval, right: Interval) -> Bool {
    left.milliseconds < right.milliseconds
  }

  public static func + (left: Interval, right: Interval) -> Interval {
    Interval(milliseconds: left.milliseconds + right.milliseconds)
  }

  public static func * (left: Interval, factor: Int64) -> Interval {
    Interval(milliseconds: left.milliseconds * factor)
  }

  public init(from decoder: any Decoder) throws {
    milliseconds = try decoder.singleValueContainer().decode(Int64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }
}

extension Interval: CustomStringConvertible {
  /// The length as a person writes it: `250ms`, `10s`, `5m`, `24h`.
  public var description: String {
    for (unit, size) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1_000)]
    where milliseconds != 0 && milliseconds % size == 0 {
      return "\(milliseconds / size)\(unit)"
    }
    return "\(milliseconds)ms"
  }

  /// Reads `100ms`, `10s`, `5m`, `24h` or `7d`; nil for anything else.
  public init?(_ text: String) {
    let units: [(String, Int64)] = [
      ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    for (suffix, size) in units where text.hasSuffix(suffix) {
      let digits = text.dropLast(suffix.count)
      guard !digits.isEmpty, digits.allSatisfy(\.isWholeNumber), digits.count <= 12,
        let count = Int64(digits)
      else { continue }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { return nil }
      self.init(milliseconds: product)
      return
    }
    return nil
  }
}

/// A point on the clock of one run: milliseconds since the Unix epoch.
///
/// The shell makes it from the later of the host's clock and the latest journaled time, and from
/// there by the monotonic clock, so that it never goes back. Nothing compares timestamps of two
/// machines.
public struct Timestamp: Comparable, Hashable, Codable, Sendable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var milliseconds: Int64

  /// Makes a timestamp from milliseconds since the Unix epoch.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }

  public static func + (left: Timestamp, right: Interval) -> Timestamp {
    Timestamp(milliseconds: left.milliseconds + right.milliseconds)
  }

  /// The time from `right` to `left`; negative when `right` is later.
  public static func - (left: Timestamp, right: Timestamp) -> Interval {
    Interval(milliseconds: left.milliseconds - right.milliseconds)
  }

  public init(from decoder: any Decoder) throws {
    milliseconds = try decoder.singleValueContainer().decode(Int64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }
}
