import WindlassWire

extension FieldSchema {
  /// What is wrong with a value by types, bounds and lists; in order, nothing when all is well.
  func faults(in value: JSONValue, at path: @autoclosure () -> String) -> [FieldFault] {
    if value == .null {
      return isNullable || type == nil ? [] : [typeFault(value, path())]
    }
    guard hasRightType(value) else { return [typeFault(value, path())] }
    var faults: [FieldFault] = []
    if !enumeration.isEmpty, !enumeration.contains(value) {
      faults.append(
        .unsupported(path(), value.text, enumeration.map { $0.string ?? $0.text }))
    }
    switch value {
    case .integer, .double: faults += numberFaults(value, path())
    case .string(let text): faults += textFaults(text, path())
    case .array(let elements): faults += listFaults(elements, path())
    case .object: faults += objectFaults(value, path())
    case .null, .bool: break
    }
    return faults
  }

  private func hasRightType(_ value: JSONValue) -> Bool {
    if isIntOrString { return value.integer != nil || value.string != nil }
    switch type {
    case nil: return true
    case "number": return value.double != nil
    case let word?: return value.typeWord == word
    }
  }

  private func typeFault(_ value: JSONValue, _ path: String) -> FieldFault {
    FieldFault(
      reason: "FieldValueTypeInvalid", field: path,
      message: "Invalid value: \(quoted(value.typeWord)): \(path) in body must be of type "
        + "\(type ?? "integer,string"): \(quoted(value.typeWord))")
  }

  private func numberFaults(_ value: JSONValue, _ path: @autoclosure () -> String) -> [FieldFault] {
    var faults: [FieldFault] = []
    let number = value.double ?? 0
    if let minimum, number < minimum {
      faults.append(
        .invalid(
          path(), value.text,
          "\(path()) in body should be greater than or equal to \(plain(minimum))"))
    }
    if let maximum, number > maximum {
      faults.append(
        .invalid(
          path(), value.text,
          "\(path()) in body should be less than or equal to \(plain(maximum))"))
    }
    return faults
  }

  private func plain(_ number: Double) -> String {
    number == number.rounded() ? String(Int64(number)) : number.description
  }

  private func textFaults(_ text: String, _ path: @autoclosure () -> String) -> [FieldFault] {
    var faults: [FieldFault] = []
    let count = text.unicodeScalars.count
    if let lengthMin, count < lengthMin {
      faults.append(
        .invalid(
          path(), quoted(text), "\(path()) in body should be at least \(lengthMin) chars long"))
    }
    if let lengthMax, count > lengthMax {
      faults.append(
        FieldFault(
          reason: "FieldValueTooLong", field: path(),
          message: "Too long: may not be more than \(lengthMax) bytes"))
    }
    // A text that is too short is not held against the pattern as well.
    if let pattern, faults.isEmpty, !pattern.matches(text) {
      faults.append(
        .invalid(path(), quoted(text), "\(path()) in body should match '\(pattern.text)'"))
    }
    return faults
  }

  private func listFaults(
    _ elements: [JSONValue], _ path: @autoclosure () -> String
  ) -> [FieldFault] {
    var faults: [FieldFault] = []
    if let countMin, elements.count < countMin {
      faults.append(
        .invalid(
          path(), String(elements.count),
          "\(path()) in body should have at least \(countMin) items"))
    }
    if let countMax, elements.count > countMax {
      faults.append(tooMany(elements.count, path(), most: countMax))
    }
    for (index, element) in elements.enumerated() {
      faults += item?.faults(in: element, at: "\(path())[\(index)]") ?? []
    }
    return faults
  }

  /// Items of a list, or members of an object.
  private func tooMany(_ count: Int, _ path: String, most: Int) -> FieldFault {
    FieldFault(
      reason: "FieldValueTooMany", field: path,
      message: "Too many: \(count): must have at most \(most) items")
  }

  private func objectFaults(_ value: JSONValue, _ path: @autoclosure () -> String) -> [FieldFault] {
    var faults: [FieldFault] = []
    if let membersMax, value.members.count > membersMax {
      faults.append(tooMany(value.members.count, path(), most: membersMax))
    }
    for member in value.members {
      let schema = properties[member.name] ?? self.value
      faults += schema?.faults(in: member.value, at: inner(path(), member.name)) ?? []
    }
    for name in required where value[name] == nil {
      faults.append(.required(inner(path(), name)))
    }
    return faults
  }

  private func inner(_ path: String, _ name: String) -> String {
    path.isEmpty ? name : "\(path).\(name)"
  }

  /// Items that a set or a list of type map holds twice.
  func duplicates(in value: JSONValue, at path: @autoclosure () -> String) -> [FieldFault] {
    switch value {
    case .array(let elements):
      var seen: Set<JSONValue> = []
      var faults: [FieldFault] = []
      for (index, element) in elements.enumerated() {
        let key: JSONValue? =
          switch list {
          case .atomic: nil
          case .set: element
          case .map(let names): .object(key(of: element, names))
          }
        if let key, !seen.insert(key).inserted {
          faults.append(.duplicate("\(path())[\(index)]", key.text))
        }
        faults += item?.duplicates(in: element, at: "\(path())[\(index)]") ?? []
      }
      return faults
    case .object(let members):
      return members.flatMap { member in
        (properties[member.name] ?? self.value)?
          .duplicates(in: member.value, at: inner(path(), member.name)) ?? []
      }
    case .null, .bool, .integer, .double, .string: return []
    }
  }
}
