import WindlassWire

/// JSON patches (RFC 6902).
enum JSONPatch {
  /// The object after all operations, in order; nothing is changed when one of them fails.
  static func applied(
    _ patch: JSONValue, to object: JSONValue
  ) throws(PatchFailure) -> JSONValue {
    guard let operations = patch.array else {
      throw .unreadable(
        "json: cannot unmarshal \(patch.typeWord) into Go value of type []handlers.jsonPatchOp")
    }
    var result = object
    for operation in operations { result = try perform(operation, on: result) }
    return result
  }

  private static func perform(
    _ operation: JSONValue, on object: JSONValue
  ) throws(PatchFailure) -> JSONValue {
    guard let path = operation["path"]?.string.flatMap(JSONPointer.tokens) else { throw .unfit }
    switch operation["op"]?.string {
    case "test":
      guard let value = operation["value"], object.child(path) == value else { throw .unfit }
      return object
    case "add":
      guard let value = operation["value"] else { throw .unfit }
      return try edit(object, path[...], .add(value))
    case "replace":
      // A member that is replaced need not be there, but the object around it must be.
      guard let value = operation["value"] else { throw .unfit }
      return try edit(object, path[...], .replace(value))
    case "remove":
      guard object.child(path) != nil else { throw .unfit }
      return try edit(object, path[...], .remove)
    case "move", "copy":
      guard let from = operation["from"]?.string.flatMap(JSONPointer.tokens),
        let value = object.child(from)
      else { throw .unfit }
      let base = operation["op"] == "move" ? try edit(object, from[...], .remove) : object
      return try edit(base, path[...], .add(value))
    default: throw .unfit
    }
  }

  private enum Edit {
    case add(JSONValue)
    case replace(JSONValue)
    case remove
  }

  private static func edit(
    _ value: JSONValue, _ path: ArraySlice<String>, _ change: Edit
  ) throws(PatchFailure) -> JSONValue {
    guard let token = path.first else {
      switch change {
      case .add(let new), .replace(let new): return new
      case .remove: throw .unfit
      }
    }
    let isLast = path.count == 1
    switch value {
    case .object:
      var result = value
      if isLast {
        switch change {
        case .add(let new), .replace(let new): result[member: token] = new
        case .remove: result[member: token] = nil
        }
      } else {
        guard let inner = value[token] else { throw .unfit }
        result[member: token] = try edit(inner, path.dropFirst(), change)
      }
      return result
    case .array(let elements):
      return .array(try editList(elements, token, path, change))
    case .null, .bool, .integer, .double, .string: throw .unfit
    }
  }

  private static func editList(
    _ elements: [JSONValue], _ token: String, _ path: ArraySlice<String>, _ change: Edit
  ) throws(PatchFailure) -> [JSONValue] {
    var result = elements
    let isLast = path.count == 1
    if token == "-", isLast, case .add(let new) = change { return result + [new] }
    guard let index = Int(token), index >= 0 else { throw .unfit }
    if isLast, case .add(let new) = change {
      guard index <= elements.count else { throw .unfit }
      result.insert(new, at: index)
      return result
    }
    guard index < elements.count else { throw .unfit }
    if isLast, case .remove = change {
      result.remove(at: index)
    } else {
      result[index] = try edit(elements[index], path.dropFirst(), change)
    }
    return result
  }
}

extension JSONValue {
  /// The value behind the tokens of a pointer.
  fileprivate func child(_ tokens: [String]) -> JSONValue? {
    var current = self
    for token in tokens {
      if case .array(let elements) = current {
        guard let index = Int(token), elements.indices.contains(index) else { return nil }
        current = elements[index]
      } else {
        guard let next = current[token] else { return nil }
        current = next
      }
    }
    return current
  }
}
