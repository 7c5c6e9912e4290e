import WindlassCore
import WindlassWire

/// What the controller of PodDisruptionBudgets does: it counts how many pods may be evicted.
struct DisruptionTurn {
  private let budget: JSONValue
  private let view: ClusterView

  init(_ budget: JSONValue, _ view: ClusterView) {
    self.budget = budget
    self.view = view
  }

  func run() -> ControllerTurn {
    var turn = ControllerTurn()
    let pods = view.objects(of: "pods", in: budget.namespace).map(\.object)
      .filter { Self.selects(budget, $0) }
    let evicted = evicted(pods)
    let healthy = pods.filter { !$0.isTerminating && $0.isReady && evicted[$0.name] == nil }
    let expected = expectation(pods)
    var object = budget
    var status = budget["status"] ?? .object([])
    status[member: "observedGeneration"] = budget.at("metadata", "generation")
    status[member: "currentHealthy"] = .integer(Int64(healthy.count))
    status[member: "desiredHealthy"] = .integer(expected.healthy)
    status[member: "expectedPods"] = .integer(expected.pods)
    let allowed = expected.pods > 0 ? max(0, Int64(healthy.count) - expected.healthy) : 0
    status[member: "disruptionsAllowed"] = .integer(allowed)
    status[member: "disruptedPods"] =
      evicted.isEmpty
      ? nil : .object(evicted.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) })
    status.setDisruptionCondition(at: view.now)
    object[member: "status"] = status
    if object != budget {
      let key = ObjectKey(
        resource: "poddisruptionbudgets.policy", namespace: budget.namespace, name: budget.name)
      turn.writes.append(ControllerWrite(key: key, deed: .status(object)))
    }
    if let first = evicted.values.compactMap({ $0.string.flatMap(Timestamp.init(rfc3339:)) }).min()
    {
      turn.lookAgain(at: first + Self.patience)
    }
    return turn
  }

  /// How long an evicted pod may take to be deleted before it counts again.
  private static let patience = Interval.minutes(2)

  /// Pods whose eviction was granted and which nobody has asked to end yet.
  private func evicted(_ pods: [JSONValue]) -> [String: JSONValue] {
    var result: [String: JSONValue] = [:]
    for member in budget.at("status", "disruptedPods")?.members ?? [] {
      guard let pod = pods.first(where: { $0.name == member.name }), !pod.isTerminating,
        let time = member.value.string.flatMap(Timestamp.init(rfc3339:)),
        time + Self.patience > view.now
      else { continue }
      result[member.name] = member.value
    }
    return result
  }

  /// How many pods there should be, and how many of them healthy.
  private func expectation(_ pods: [JSONValue]) -> (pods: Int64, healthy: Int64) {
    let minimum = budget.at("spec", "minAvailable")
    let maximum = budget.at("spec", "maxUnavailable")
    if let count = minimum?.integer { return (Int64(pods.count), count) }
    let size = scale(of: pods)
    if let maximum {
      let missing = DeploymentNumbers.scaled(maximum, of: size, roundsUp: true)
      return (size, max(0, size - missing))
    }
    return (size, DeploymentNumbers.scaled(minimum ?? 1, of: size, roundsUp: true))
  }

  /// The size of all workloads whose pods these are.
  private func scale(of pods: [JSONValue]) -> Int64 {
    var sizes: [String: Int64] = [:]
    for pod in pods {
      guard let owner = pod.controller, let uid = owner["uid"]?.string else { continue }
      let resources = ["ReplicaSet": "replicasets.apps", "StatefulSet": "statefulsets.apps"]
      guard let resource = resources[owner["kind"]?.string ?? ""],
        let set = view.objects(of: resource, in: budget.namespace).first(where: {
          $0.object.uid == uid
        })?.object
      else { continue }
      let deployment = set.controller.flatMap { owner in
        view.objects(of: "deployments.apps", in: budget.namespace).first {
          $0.object.uid == owner["uid"]?.string
        }?.object
      }
      let top = deployment ?? set
      sizes[top.uid] = top.at("spec", "replicas")?.integer ?? 1
    }
    return sizes.values.reduce(0, +)
  }

  /// Whether a budget is about a pod.
  static func selects(_ budget: JSONValue, _ pod: JSONValue) -> Bool {
    guard let selector = budget.at("spec", "selector") else { return false }
    return selector.selects(pod)
  }
}

extension JSONValue {
  /// Whether this selector, with labels and expressions, chooses an object.
  func selects(_ object: JSONValue) -> Bool {
    let labels = object.at("metadata", "labels") ?? .object([])
    guard (self["matchLabels"]?.members ?? []).allSatisfy({ labels[$0.name] == $0.value }) else {
      return false
    }
    return (self["matchExpressions"]?.elements ?? []).allSatisfy { expression in
      let value = labels[expression["key"]?.string ?? ""]
      let values = expression["values"]?.elements ?? []
      switch expression["operator"]?.string {
      case "In": return value.map(values.contains) ?? false
      case "NotIn": return !(value.map(values.contains) ?? false)
      case "Exists": return value != nil
      case "DoesNotExist": return value == nil
      default: return false
      }
    }
  }

  /// Says in a budget's status whether a pod may be evicted.
  mutating func setDisruptionCondition(at now: Timestamp) {
    let isAllowed = count("disruptionsAllowed") > 0
    let old = (self["conditions"]?.elements ?? []).first { $0["type"] == "DisruptionAllowed" }
    let status = isAllowed ? "True" : "False"
    let isSame = old?["status"]?.string == status
    let condition: JSONValue = [
      "lastTransitionTime": (isSame ? old?["lastTransitionTime"] : nil) ?? .string(now.rfc3339),
      "message": "", "observedGeneration": self["observedGeneration"] ?? 0,
      "reason": isAllowed ? "SufficientPods" : "InsufficientPods", "status": .string(status),
      "type": "DisruptionAllowed",
    ]
    self[member: "conditions"] = .array([condition])
  }
}
