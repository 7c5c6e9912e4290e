/// Finds what a person may have meant.
enum NearestName {
  /// The candidate that is few typing errors away from the word; nil when none is.
  static func suggestion(for word: String, among candidates: [String]) -> String? {
    let nearest = candidates.map { (distance($0.lowercased(), word.lowercased()), $0) }
      .min { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 }
    guard let nearest, nearest.0 <= max(1, min(3, word.count / 3 + 1)) else { return nil }
    return nearest.1
  }

  /// Insertions, removals, replacements and swaps of neighbours from one text to the other.
  private static func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.prefix(64)), Array(right.prefix(64)))
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        var cost = min(
          previous[column] + (character == other ? 0 : 1), previous[column + 1] + 1,
          current[column] + 1)
        if row > 0, column > 0, character == right[column - 1], left[row - 1] == other {
          cost = min(cost, beforePrevious[column - 1] + 1)
        }
        current.append(cost)
      }
      (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
  }
}
