import WindlassWire

/// Judges what is written by the ValidatingAdmissionPolicies that are bound.
extension SimulatedAPIServer {
  /// Refuses an object that a policy denies.
  ///
  /// Understood are bindings without `matchResources`, rules by group, version, resource and
  /// operation, conditions, variables, and parameters that are named.
  func judge(
    _ object: JSONValue, _ old: JSONValue?, _ call: Call
  ) throws(APIFailure) {
    let group = "admissionregistration.k8s.io"
    let bindings = store.objects(
      of: "validatingadmissionpolicybindings.\(group)", namespace: nil)
    for binding in bindings.map(\.object) {
      let key = ObjectKey(
        resource: "validatingadmissionpolicies.\(group)", namespace: "",
        name: binding.at("spec", "policyName")?.string ?? "")
      let actions = binding.at("spec", "validationActions")?.elements ?? []
      guard let policy = store.objects[key], actions.contains("Deny") else { continue }
      let question = PolicyQuestion(
        policy: policy["spec"] ?? .object([]), object: object, old: old, call: call)
      guard question.isMatched else { continue }
      let answer = question.answer(params: parameter(of: binding, call))
      guard let denial = answer else { continue }
      throw refusal(denial, call, policy.name, binding.name)
    }
  }

  /// The object that a binding names as its parameters; nil when there is none.
  private func parameter(of binding: JSONValue, _ call: Call) -> JSONValue? {
    guard let reference = binding.at("spec", "paramRef"), let name = reference["name"]?.string
    else { return nil }
    let namespace = reference["namespace"]?.string ?? call.namespace ?? ""
    return store.objects[ObjectKey(resource: "configmaps", namespace: namespace, name: name)]
  }

  private func refusal(
    _ denial: PolicyQuestion.Denial, _ call: Call, _ policy: String, _ binding: String
  ) -> APIFailure {
    let text =
      "ValidatingAdmissionPolicy '\(policy)' with binding '\(binding)' denied request: "
      + denial.message
    var failure = call.type.forbidden(
      call.name ?? "", text, causes: [["message": .string(denial.message)]])
    let codes = ["Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413]
    failure.reason = denial.reason
    failure.code = codes[denial.reason] ?? 422
    return failure
  }
}

/// What a policy is asked about one write.
struct PolicyQuestion {
  /// The policy's `spec`.
  let policy: JSONValue
  let object: JSONValue
  let old: JSONValue?
  let call: Call

  /// Why a write is refused.
  struct Denial: Hashable {
    var message: String
    var reason: String
  }

  private var operation: String { old == nil ? "CREATE" : "UPDATE" }

  /// Whether the policy's constraints name this resource and operation.
  var isMatched: Bool {
    let resource = call.subresource.map { "\(call.type.plural)/\($0)" } ?? call.type.plural
    return (policy.at("matchConstraints", "resourceRules")?.elements ?? []).contains { rule in
      let has = { (name: String, value: String) -> Bool in
        let values = rule[name]?.elements ?? []
        return values.contains("*") || values.contains(.string(value))
      }
      return has("apiGroups", call.type.group) && has("apiVersions", call.type.version)
        && has("resources", resource) && has("operations", operation)
    }
  }

  /// Why the write is denied; nil when it is not.
  func answer(params: JSONValue?) -> Denial? {
    var names: [String: JSONValue] = [
      "object": object, "oldObject": old ?? .null, "params": params ?? .null,
      "request": [
        "operation": .string(operation), "name": .string(call.name ?? ""),
        "namespace": .string(call.namespace ?? ""),
        "userInfo": [
          "username": .string(call.user.name),
          "groups": .array(call.user.groups.map { .string($0) }),
        ],
      ],
    ]
    for condition in policy["matchConditions"]?.elements ?? [] {
      switch result(of: condition, names) {
      case .success(.bool(true)): continue
      case .success: return nil
      case .failure(let failure): return Denial(message: failure.message, reason: "Invalid")
      }
    }
    guard policy["paramKind"] == nil || params != nil else {
      return Denial(
        message: "failed to configure binding: no params found for policy binding with `Deny` "
          + "parameterNotFoundAction", reason: "Invalid")
    }
    // What can't be computed fails whatever uses it, and nothing else.
    var variables = JSONValue.object([])
    for variable in policy["variables"]?.elements ?? [] {
      names["variables"] = variables
      guard case .success(let value) = result(of: variable, names) else { continue }
      variables[member: variable["name"]?.string ?? ""] = value
    }
    names["variables"] = variables
    return (policy["validations"]?.elements ?? []).lazy.compactMap { denial(by: $0, names) }.first
  }

  private func denial(by validation: JSONValue, _ names: [String: JSONValue]) -> Denial? {
    let expression = validation["expression"]?.string ?? ""
    let reason = validation["reason"]?.string ?? "Invalid"
    switch result(of: validation, names) {
    case .success(.bool(true)): return nil
    case .success:
      return Denial(
        message: validation["message"]?.string ?? "failed expression: \(expression)",
        reason: reason)
    case .failure(let failure):
      return Denial(
        message: "expression '\(expression)' resulted in error: \(failure.message)",
        reason: "Invalid")
    }
  }

  /// The value of the `expression` of a part of the policy.
  private func result(
    of part: JSONValue, _ names: [String: JSONValue]
  ) -> Result<JSONValue, RuleFailure> {
    do throws(RuleFailure) {
      let expression = try RuleParser.parse(part["expression"]?.string ?? "")
      return .success(try RuleEvaluator(names: names).value(expression))
    } catch {
      return .failure(error)
    }
  }
}
