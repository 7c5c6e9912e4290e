import WindlassWire

/// What a change added, removed and modified.
struct FieldChanges: Hashable, Sendable {
  var added = FieldSet()
  var removed = FieldSet()
  var modified = FieldSet()

  var isEmpty: Bool { added.isEmpty && removed.isEmpty && modified.isEmpty }
}

extension FieldSchema {
  private var isGranularList: Bool { list != .atomic }

  /// The step of an item of a list, nil for an item without its key.
  func step(of item: JSONValue) -> FieldStep? {
    switch list {
    case .atomic: return nil
    case .set: return .value(item)
    case .map(let names):
      let key = key(of: item, names)
      return key.isEmpty ? nil : .key(key.sorted { $0.name < $1.name })
    }
  }

  // MARK: - The fields of a configuration

  /// The fields that a configuration holds.
  func fields(of value: JSONValue) -> FieldSet {
    var set = FieldSet()
    collect(value, [], &set)
    return set
  }

  private func collect(_ value: JSONValue, _ path: [FieldStep], _ set: inout FieldSet) {
    switch value {
    case .object(let members) where !isAtomic:
      for member in members {
        let inner = path + [.field(member.name)]
        let schema = self.member(member.name) ?? .anything
        schema.collect(member.value, inner, &set)
        if member.value == .null || member.value == .object([]) || !declares(member.name) {
          set.insert(inner)
        }
      }
    case .array(let elements) where isGranularList:
      for element in elements {
        guard let step = step(of: element) else { continue }
        item?.collect(element, path + [step], &set)
        set.insert(path + [step])
      }
    case .null, .bool, .integer, .double, .string, .array, .object: set.insert(path)
    }
  }

  // MARK: - What changed

  /// The difference of two values, nil where there is none.
  func changes(from old: JSONValue?, to new: JSONValue?) -> FieldChanges {
    var changes = FieldChanges()
    compare(old, new, [], &changes)
    return changes
  }

  private func compare(
    _ old: JSONValue?, _ new: JSONValue?, _ path: [FieldStep], _ changes: inout FieldChanges
  ) {
    if let old, let new, old == new { return }
    if old == nil { changes.added.insert(path) }
    if new == nil { changes.removed.insert(path) }
    let isHollow = (old?.isHollow ?? true) && (new?.isHollow ?? true)
    let isObject = [old, new].contains { $0?.object != nil }
    let isList = [old, new].contains { $0?.array != nil }
    if isObject, !isAtomic, !isHollow, !isList {
      for name in names(old, new) {
        let schema = member(name) ?? .anything
        schema.compare(old?[name], new?[name], path + [.field(name)], &changes)
      }
    } else if isList, isGranularList, !isHollow, !isObject {
      compareItems(old?.elements ?? [], new?.elements ?? [], path, &changes)
    } else if old != nil, new != nil {
      changes.modified.insert(path)
    }
  }

  private func names(_ old: JSONValue?, _ new: JSONValue?) -> [String] {
    let first = old?.members.map(\.name) ?? []
    let known = Set(first)
    return first + (new?.members.map(\.name).filter { !known.contains($0) } ?? [])
  }

  private func compareItems(
    _ old: [JSONValue], _ new: [JSONValue], _ path: [FieldStep], _ changes: inout FieldChanges
  ) {
    let before = byStep(old)
    let after = byStep(new)
    for step in Set(before.keys).union(after.keys) {
      (item ?? .anything).compare(before[step], after[step], path + [step], &changes)
    }
  }

  private func byStep(_ items: [JSONValue]) -> [FieldStep: JSONValue] {
    var result: [FieldStep: JSONValue] = [:]
    for item in items { if let step = step(of: item) { result[step] = item } }
    return result
  }

  // MARK: - Merging and removing

  /// The live value with what a configuration says.
  func merged(_ live: JSONValue, with configuration: JSONValue) -> JSONValue {
    switch (live, configuration) {
    case (.object, .object(let members)) where !isAtomic:
      var result = live
      for member in members {
        let schema = self.member(member.name) ?? .anything
        result[member: member.name] =
          live[member.name].map { schema.merged($0, with: member.value) } ?? member.value
      }
      return result
    case (.array(let items), .array(let wanted)) where isGranularList:
      var result = items
      for item in wanted {
        let step = step(of: item)
        if let index = result.firstIndex(where: { self.step(of: $0) == step }) {
          result[index] = (self.item ?? .anything).merged(result[index], with: item)
        } else {
          result.append(item)
        }
      }
      return .array(result)
    default: return configuration
    }
  }

  /// The value without the fields of a set.
  func removing(_ set: FieldSet, from value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members) where !isAtomic:
      var kept: [JSONMember] = []
      for member in members where !set.members.contains(.field(member.name)) {
        let child = set.children[.field(member.name)]
        let schema = self.member(member.name) ?? .anything
        kept.append(
          JSONMember(
            member.name, child.map { schema.removing($0, from: member.value) } ?? member.value))
      }
      return .object(kept)
    case .array(let elements) where isGranularList:
      return .array(
        elements.compactMap { element in
          guard let step = step(of: element) else { return element }
          guard !set.members.contains(step) else { return nil }
          return set.children[step].map { (item ?? .anything).removing($0, from: element) }
            ?? element
        })
    case .null, .bool, .integer, .double, .string, .array, .object: return value
    }
  }

  // MARK: - Faults of a configuration

  /// Why a configuration can't be applied by this schema: the first reason, in the server's words.
  func typeFault(in value: JSONValue, at path: String = "") -> String? {
    switch value {
    case .null: return nil
    case .object(let members):
      if let type, type != "object", !isIntOrString {
        return expected(type, "map", path)
      }
      for member in members {
        guard let schema = self.member(member.name) else {
          return "\(path).\(member.name): field not declared in schema"
        }
        if let fault = schema.typeFault(in: member.value, at: "\(path).\(member.name)") {
          return fault
        }
      }
      return nil
    case .array(let elements):
      if let type, type != "array" { return expected(type, "list", path) }
      return listFault(elements, path)
    case .bool: return type == nil || type == "boolean" ? nil : expected(type, "bool", path)
    case .integer, .double:
      return type == nil || isIntOrString || type == "integer" || type == "number"
        ? nil : expected(type, "int", path)
    case .string:
      return type == nil || isIntOrString || type == "string"
        ? nil : expected(type, "string", path)
    }
  }

  private func listFault(_ elements: [JSONValue], _ path: String) -> String? {
    var seen: Set<FieldStep> = []
    for element in elements {
      let step = step(of: element)
      if let step, !seen.insert(step).inserted {
        return "\(path): duplicate entries for key \(step.label)"
      }
      let label = step?.label ?? ""
      if let fault = item?.typeFault(in: element, at: path + label) { return fault }
    }
    return nil
  }

  private func expected(_ type: String?, _ found: String, _ path: String) -> String {
    let word =
      switch type {
      case "integer", "number": "numeric (int or float)"
      case "object": "map"
      case "array": "list"
      case let other?: other
      case nil: "nothing"
      }
    return "\(path): expected \(word), got \(found)"
  }
}
