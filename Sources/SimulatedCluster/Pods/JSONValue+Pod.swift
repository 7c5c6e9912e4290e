import WindlassCore
import WindlassWire

/// What the node agent reads from objects.
extension JSONValue {
  /// The value behind these names, one object inside the other.
  func at(_ path: String...) -> JSONValue? {
    var current: JSONValue? = self
    for name in path { current = current?[name] }
    return current
  }

  /// The elements of a list at a path, none for everything else.
  func list(_ path: String...) -> [JSONValue] {
    var current: JSONValue? = self
    for name in path { current = current?[name] }
    return current?.array ?? []
  }

  /// The texts of a list at a member.
  func texts(_ name: String) -> [String] { (self[name]?.array ?? []).compactMap(\.string) }

  /// The text at a path, empty when it is absent.
  func text(_ path: String...) -> String {
    var current: JSONValue? = self
    for name in path { current = current?[name] }
    return current?.string ?? ""
  }

  /// The object's name.
  var name: String { text("metadata", "name") }

  /// The namespace that holds the object.
  var namespace: String { text("metadata", "namespace") }

  /// The object's uid.
  var uid: String { text("metadata", "uid") }

  /// Whether somebody has deleted the object and something holds it still.
  var isBeingDeleted: Bool { at("metadata", "deletionTimestamp")?.string != nil }
}

extension Timestamp {
  /// The time as statuses tell it.
  var json: JSONValue { .string(rfc3339) }
}
