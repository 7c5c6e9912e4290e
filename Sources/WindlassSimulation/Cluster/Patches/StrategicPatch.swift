import WindlassWire

/// Strategic merge patches: lists of items with keys are merged item by item.
enum StrategicPatch {
  /// The object with the patch applied, by the schema of its kind.
  static func applied(
    _ patch: JSONValue, to object: JSONValue, _ schema: FieldSchema
  ) throws(PatchFailure) -> JSONValue {
    guard case .object(let members) = patch else { return patch }
    if patch["$patch"] == "replace" {
      var result = patch
      result[member: "$patch"] = nil
      return result
    }
    var result = object.object == nil ? .object([]) : object
    if let kept = patch["$retainKeys"]?.elements {
      result = .object(result.members.filter { kept.contains(.string($0.name)) })
    }
    for member in members where !member.name.hasPrefix("$") {
      if member.value == .null {
        result[member: member.name] = nil
        continue
      }
      let inner = schema.member(member.name) ?? .anything
      let order = patch["$setElementOrder/\(member.name)"]?.elements
      let before = result[member.name]
      switch (inner.patchKeys, member.value) {
      case (let keys?, .array(let items)):
        result[member: member.name] = .array(
          try merge(items, into: before?.elements ?? [], keys, order, inner))
      default:
        result[member: member.name] = try applied(
          member.value, to: before ?? .object([]), inner)
      }
    }
    return result
  }

  private static func merge(
    _ items: [JSONValue], into list: [JSONValue], _ keys: [String], _ order: [JSONValue]?,
    _ schema: FieldSchema
  ) throws(PatchFailure) -> [JSONValue] {
    let key = keys[0]
    var result = list
    for item in items {
      guard let value = item[key] else {
        throw .unclassified(
          "map: \(item.goText) does not contain declared merge key: \(key)")
      }
      let place = result.firstIndex { $0[key] == value }
      if item["$patch"] == "delete" {
        if let place { result.remove(at: place) }
      } else if let place {
        result[place] = try applied(item, to: result[place], schema.item ?? .anything)
      } else {
        result.append(item)
      }
    }
    guard let order else { return result }
    let wanted = order.map { $0[key] }
    let rank = { (item: JSONValue) in wanted.firstIndex { $0 == item[key] } ?? wanted.count }
    return result.enumerated().sorted {
      (rank($0.element), $0.offset) < (rank($1.element), $1.offset)
    }
    .map(\.element)
  }
}

extension FieldSchema {
  /// The keys by which a strategic patch merges a list; nil for lists that it replaces.
  fileprivate var patchKeys: [String]? {
    guard case .map(let keys) = list, !keys.isEmpty else { return nil }
    return keys
  }
}
