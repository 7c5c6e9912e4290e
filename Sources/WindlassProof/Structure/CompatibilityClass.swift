/// What a change of the schema does to servers of the release before it.
package enum CompatibilityClass: String, Hashable, Comparable, Codable, Sendable, CaseIterable {
  /// Their reads fail.
  case readsFail = "C1"
  /// Their writes fail.
  case writesFail = "C2"
  /// Their writes succeed, and leave out what the new release needs.
  case writesIncomplete = "C3"
  /// Their reads succeed, and mean something else.
  case meaningChanged = "C4"
  /// Statements that they prepared before the change fail once.
  case preparedFails = "C5"
  /// They can't start again.
  case startFails = "C6"
  /// Data is gone, and going back to the old release doesn't bring it back.
  case dataLost = "C7"
  /// Their queries become slow.
  case slow = "C8"

  /// Whether a schema change of this class alone makes a release unsafe.
  package var isBreaking: Bool {
    switch self {
    case .readsFail, .writesFail, .startFails, .dataLost: true
    case .writesIncomplete, .meaningChanged, .preparedFails, .slow: false
    }
  }

  package static func < (left: CompatibilityClass, right: CompatibilityClass) -> Bool {
    left.rawValue < right.rawValue
  }
}
