import WindlassCore

/// A fault that struck.
package struct StruckFault: Hashable, Sendable {
  /// Its place among all throws of the dice; the same place in every replay.
  package var place: Int
  package var name: String
}

/// Decides at each turn whether a fault strikes.
///
/// Each throw has a place, and its number depends on seed and place alone, so that one fault can
/// be left out of a replay without changing the others.
struct FaultDice {
  private let seed: UInt64
  private let spared: Set<Int>
  private var place = 0
  /// No fault strikes any more.
  var isCalm = false
  private(set) var struck: [StruckFault] = []

  /// Begins the throws of a seed; those at `spared` places do not strike.
  init(seed: UInt64, sparing spared: Set<Int>) {
    self.seed = SeededGenerator.mix(seed ^ 0x5EED_FA17)
    self.spared = spared
  }

  private mutating func number() -> UInt64 {
    place += 1
    return SeededGenerator.mix(seed &+ UInt64(place) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Whether a fault strikes that does so in that many of a thousand throws.
  mutating func strikes(_ perMille: Int, _ name: @autoclosure () -> String) -> Bool {
    guard perMille > 0, !isCalm else { return false }
    guard number() % 1_000 < UInt64(perMille), !spared.contains(place) else { return false }
    struck.append(StruckFault(place: place, name: name()))
    return true
  }

  /// A length of time that is no fault.
  mutating func interval(_ milliseconds: ClosedRange<Int64>) -> Interval {
    let width = UInt64(milliseconds.upperBound - milliseconds.lowerBound + 1)
    return .milliseconds(milliseconds.lowerBound + Int64(number() % width))
  }

  /// One of that many ways, for a fault that struck.
  mutating func way(of count: Int) -> Int { Int(number() % UInt64(count)) }
}
