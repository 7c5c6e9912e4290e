/// What tells figures of one name apart: names and values, in the order in which they are written.
package struct MetricLabels: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  /// One of them.
  package struct Pair: Hashable, Sendable {
    package let name: String
    package let value: String
  }

  package let pairs: [Pair]

  /// No labels, for a figure of which there is one.
  package static let none: MetricLabels = [:]

  /// Labels as they are written: their names are our own, their values may be anybody's.
  package init(dictionaryLiteral elements: (String, String)...) {
    for (name, _) in elements {
      precondition(MetricName.isLabel(name), "\(name) is no name of a label")
    }
    pairs = elements.map { Pair(name: $0, value: $1) }
  }
}

/// What names of figures and labels are made of.
package enum MetricName {
  /// Whether a text names a figure: letters, digits, `_` and `:`, and no digit first.
  package static func isFigure(_ text: String) -> Bool {
    isName(text, alsoOf: UInt8(ascii: ":"))
  }

  /// Whether a text names a label: letters, digits and `_`, no digit first, and not one of the
  /// names with two `_` that Prometheus keeps for itself.
  package static func isLabel(_ text: String) -> Bool {
    isName(text, alsoOf: nil) && !text.hasPrefix("__")
  }

  private static func isName(_ text: String, alsoOf other: UInt8?) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
      default: byte == other
      }
    }
  }
}
