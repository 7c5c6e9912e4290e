import Synchronization
package import WindlassWire

extension JSONValue {
  /// The same value in as little memory as it needs, to be kept for long: what was parsed has room
  /// to grow, and each long name in it is a text of its own.
  package var compact: JSONValue {
    switch self {
    case .array(let elements): .array(elements.map(\.compact))
    case .object(let members):
      .object(members.map { JSONMember(CommonNames.shared($0.name), $0.value.compact) })
    case .null, .bool, .integer, .double, .string: self
    }
  }
}

/// The long names that objects have in common.
private enum CommonNames {
  /// A text that is shorter is kept within its value.
  private static let sizeMin = 16
  /// Names of fields are few; labels and annotations may be anything.
  private static let countMax = 4_096
  private static let known = Mutex<Set<String>>([])

  /// The name, as one text for all who have it.
  static func shared(_ name: String) -> String {
    guard name.utf8.count >= sizeMin else { return name }
    return known.withLock { known in
      if let place = known.firstIndex(of: name) { return known[place] }
      if known.count < countMax { known.insert(name) }
      return name
    }
  }
}
