import WindlassWire

/// Why a patch could not be applied.
enum PatchFailure: Error, Hashable, Sendable {
  /// The patch has no form that the server can read.
  case unreadable(String)
  /// The patch does not fit the object; the server does not say why.
  case unfit
  /// Something that the server did not classify.
  case unclassified(String)
}

/// JSON merge patches (RFC 7386).
enum MergePatch {
  /// The object with the patch applied: null removes, lists are replaced.
  static func applied(_ patch: JSONValue, to object: JSONValue) -> JSONValue {
    guard case .object(let members) = patch else { return patch }
    var result = object.object == nil ? .object([]) : object
    for member in members {
      if member.value == .null {
        result[member: member.name] = nil
      } else {
        result[member: member.name] = applied(
          member.value, to: result[member.name] ?? .object([]))
      }
    }
    return result
  }
}
