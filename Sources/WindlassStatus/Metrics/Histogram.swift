/// How often values lay below each of some bounds, and what they come to together.
package struct Histogram: Hashable, Sendable {
  /// Upper bounds, each larger than the one before; a value on a bound lies below it.
  package let bounds: [Double]
  /// What all values come to together.
  package private(set) var sum = 0.0
  /// How many lay below each bound and above the one before, and at last how many above all.
  private var counts: [Int]

  /// A histogram of no values yet.
  package init(bounds: [Double]) {
    precondition(
      zip(bounds, bounds.dropFirst()).allSatisfy(<) && bounds.allSatisfy(\.isFinite),
      "bounds are finite and grow")
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// Takes a value in.
  package mutating func observe(_ value: Double) {
    counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    sum += value
  }

  /// How many values there were.
  package var count: Int { counts.reduce(0, +) }

  /// How many values lay below each bound, at last how many there were at all.
  package var cumulative: [Int] {
    var total = 0
    return counts.map { count in
      total += count
      return total
    }
  }
}
