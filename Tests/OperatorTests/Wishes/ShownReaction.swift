import WindlassWire

@testable import KubernetesFleet

extension WishValue.Reaction {
  /// Whether a service shows what has to be told of its wish.
  ///
  /// - Parameter generation: That of the wish.
  func isShown(by service: KubernetesObject, of generation: Int64) -> Bool {
    let ready = service.condition("Ready")
    switch self {
    case .refused, .unknown: return false
    case .declined(let field):
      return ready?["status"] == "False" && ready?["reason"] == "BadConfiguration"
        && ready?["observedGeneration"]?.integer == generation
        && (ready?["message"]?.string?.contains(field) ?? false)
    case .told(let words):
      guard service.observedGeneration == generation else { return false }
      return service.conditions.contains { condition in
        let text = "\(condition["reason"]?.string ?? "") \(condition["message"]?.string ?? "")"
        return condition["observedGeneration"]?.integer == generation
          && words.allSatisfy { text.contains($0) }
      }
    case .quiet, .good: return service.isWell(at: generation)
    }
  }
}

extension KubernetesObject {
  /// The conditions of the object's status.
  var conditions: [JSONValue] { body.value(at: "/status/conditions")?.array ?? [] }

  /// The generation that its status speaks of.
  var observedGeneration: Int64? { body.value(at: "/status/observedGeneration")?.integer }

  /// Whether its operator follows that generation of the wish and nothing is amiss.
  func isWell(at generation: Int64) -> Bool {
    let wanted = [
      "Ready": "True", "Progressing": "False", "ManifestFetched": "True", "SchemaClean": "True",
      "Degraded": "False",
    ]
    return observedGeneration == generation
      && wanted.allSatisfy { type, status in
        let condition = condition(type)
        return condition?["status"]?.string == status
          && condition?["observedGeneration"]?.integer == generation
      }
  }

  /// The conditions in words.
  var told: String {
    let all = conditions.map { condition in
      let words = ["type", "status", "reason", "observedGeneration", "message"].map { name in
        condition[name]?.string ?? condition[name]?.text ?? ""
      }
      return words.joined(separator: " ")
    }
    return "generation \(generation), observed \(observedGeneration ?? 0): "
      + all.joined(separator: "; ")
  }
}
