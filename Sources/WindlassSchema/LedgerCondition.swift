/// What the ledger of another tool must say before a server may start, such as `>=20261122093000`,
/// `>=1.2 <2`, `ae1027a6acf` or `blog.0003_author`.
package struct LedgerCondition: Hashable, Sendable {
  /// How a version stands to one that is named.
  enum Relation: String, CaseIterable {
    case atLeast = ">="
    case atMost = "<="
    case unequal = "!="
    case above = ">"
    case below = "<"
    case equal = "="

    /// Whether it needs an order.
    var needsOrder: Bool { self != .equal && self != .unequal }

    func holds(_ order: Int) -> Bool {
      switch self {
      case .atLeast: order >= 0
      case .atMost: order <= 0
      case .unequal: order != 0
      case .above: order > 0
      case .below: order < 0
      case .equal: order == 0
      }
    }
  }

  private struct Comparison: Hashable {
    var relation: Relation
    var version: String
  }

  private let comparisons: [Comparison]
  /// The condition as it was written.
  package let text: String

  /// Reads comparisons, separated by blanks or commas, that must all hold; a bare word is `=`.
  package init?(_ text: String) {
    var comparisons: [Comparison] = []
    for word in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
      let relation = Relation.allCases.first { word.hasPrefix($0.rawValue) }
      let version = String(word.dropFirst(relation?.rawValue.count ?? 0))
      guard !version.isEmpty, !version.contains(where: { "<>=!".contains($0) }) else { return nil }
      comparisons.append(Comparison(relation: relation ?? .equal, version: version))
    }
    guard !comparisons.isEmpty else { return nil }
    self.comparisons = comparisons
    self.text = text
  }

  /// The first comparison that needs an order.
  package var comparisonByOrder: String? {
    comparisons.first { $0.relation.needsOrder }.map { $0.relation.rawValue + $0.version }
  }

  /// Whether what is applied meets the condition: with an order the highest version is compared,
  /// and without one `=` asks whether the name is among them.
  package func admits(_ reading: ForeignReading, isOrdered: Bool) -> Bool {
    guard !reading.isDirty else { return false }
    guard isOrdered else {
      return !reading.applied.isEmpty
        && comparisons.allSatisfy {
          reading.applied.contains($0.version) == ($0.relation == .equal)
        }
    }
    guard let highest = reading.highest else { return false }
    return comparisons.allSatisfy {
      $0.relation.holds(ForeignVersion.compare(highest, $0.version))
    }
  }
}
