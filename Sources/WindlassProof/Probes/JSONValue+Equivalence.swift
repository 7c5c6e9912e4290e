import WindlassWire

extension JSONValue {
  /// Whether both say the same: members in any order, and numbers by their value.
  func isEquivalent(to other: JSONValue) -> Bool {
    switch (self, other) {
    case (.object(let left), .object(let right)):
      left.count == right.count
        && left.allSatisfy { member in
          other[member.name].map { member.value.isEquivalent(to: $0) } ?? false
        }
    case (.array(let left), .array(let right)):
      left.count == right.count && zip(left, right).allSatisfy { $0.isEquivalent(to: $1) }
    case (.integer, .double), (.double, .integer): double == other.double
    default: self == other
    }
  }
}
