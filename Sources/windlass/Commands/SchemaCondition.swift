import ArgumentParser
import WindlassCore

/// Which schema versions a server can start on, such as `>=16` or `>=3 <=5`.
struct SchemaCondition: Hashable, Sendable, ExpressibleByArgument {
  private enum Relation: String, CaseIterable {
    case atLeast = ">="
    case atMost = "<="
    case unequal = "!="
    case above = ">"
    case below = "<"
    case equal = "="
  }

  private struct Comparison: Hashable {
    var relation: Relation
    var version: SchemaVersion

    func holds(for version: SchemaVersion) -> Bool {
      switch relation {
      case .atLeast: version >= self.version
      case .atMost: version <= self.version
      case .unequal: version != self.version
      case .above: version > self.version
      case .below: version < self.version
      case .equal: version == self.version
      }
    }
  }

  private let comparisons: [Comparison]
  /// The condition as it was written.
  let text: String

  /// Reads comparisons, separated by blanks or commas, that must all hold; a bare number is `=`.
  init?(argument: String) {
    let words = argument.split(whereSeparator: { $0 == " " || $0 == "," }).map(String.init)
    var comparisons: [Comparison] = []
    for word in words {
      let relation = Relation.allCases.first { word.hasPrefix($0.rawValue) }
      let digits = word.dropFirst(relation?.rawValue.count ?? 0)
      guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt64(digits) else {
        return nil
      }
      comparisons.append(
        Comparison(relation: relation ?? .equal, version: SchemaVersion(number)))
    }
    guard !comparisons.isEmpty else { return nil }
    self.comparisons = comparisons
    text = argument
  }

  /// Whether the version is admitted; nothing applied never is.
  func admits(_ version: SchemaVersion?) -> Bool {
    guard let version else { return false }
    return comparisons.allSatisfy { $0.holds(for: version) }
  }
}
