import WindlassWire

extension FieldSchema {
  /// Which rules of the schema a value breaks. A rule that names `oldSelf` holds for changes only.
  func brokenRules(
    in value: JSONValue, before old: JSONValue?, at path: String
  ) -> [FieldFault] {
    guard hasRulesInside else { return [] }
    var faults: [FieldFault] = []
    for rule in rules {
      guard let fault = rule.fault(in: value, before: old, at: path) else { continue }
      faults.append(fault)
    }
    switch value {
    case .object(let members):
      for member in members {
        guard let schema = properties[member.name] ?? self.value else { continue }
        let place = path.isEmpty ? member.name : "\(path).\(member.name)"
        faults += schema.brokenRules(in: member.value, before: old?[member.name], at: place)
      }
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        faults +=
          item?.brokenRules(
            in: element, before: predecessor(of: element, in: old), at: "\(path)[\(index)]") ?? []
      }
    case .null, .bool, .integer, .double, .string: break
    }
    return faults
  }

  private func predecessor(of element: JSONValue, in old: JSONValue?) -> JSONValue? {
    guard case .map(let names) = list else { return nil }
    let key = key(of: element, names)
    return old?.elements.first { self.key(of: $0, names) == key }
  }
}

extension FieldSchema.ValidationRule {
  /// The fault when the value breaks the rule, or when the rule can't be evaluated.
  func fault(in value: JSONValue, before old: JSONValue?, at path: String) -> FieldFault? {
    var names = ["self": value]
    if isTransition {
      guard let old else { return nil }
      names["oldSelf"] = old
    }
    let evaluator = RuleEvaluator(names: names)
    do throws(RuleFailure) {
      let verdict = try evaluator.value(try expression.get())
      return verdict == .bool(true) ? nil : broken(evaluator, path)
    } catch {
      return .invalid(
        path, quoted(value.typeWord), "\(error.message) evaluating rule: \(message ?? rule)")
    }
  }

  private func broken(_ evaluator: RuleEvaluator, _ path: String) -> FieldFault {
    var text = message ?? "failed rule: \(rule)"
    if let messageExpression, let computed = try? evaluator.value(messageExpression),
      let words = computed.string
    {
      text = words
    }
    let field = path + (fieldPath ?? "")
    switch reason {
    case "FieldValueForbidden": return .forbidden(field, text)
    case "FieldValueRequired": return .required(field, text)
    case "FieldValueDuplicate": return .duplicate(field, text)
    default:
      return FieldFault(
        reason: "FieldValueInvalid", field: field, message: "Invalid value: \(text)")
    }
  }
}
