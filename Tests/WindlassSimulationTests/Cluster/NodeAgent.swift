import WindlassWire

/// What the node agent of a recorded cluster did, read from what the recording saw of its pods:
/// it bound them to nodes, wrote their status, and removed them when they had ended.
enum NodeAgent {
  /// One thing that it did.
  struct Act {
    var atMilliseconds: Int64
    /// The pod's name in the recording.
    var pod: String
    var deed: Deed
  }

  enum Deed {
    case bind(node: String)
    case status(JSONValue)
    case remove
  }

  /// How much earlier than the recording's client the server knew of something, in milliseconds.
  static let lead: Int64 = 5

  private static func isScheduled(_ condition: JSONValue) -> Bool {
    condition["type"] == "PodScheduled"
  }

  /// A pod with a recorded status; what the scheduler has written stays, unless the agent has
  /// written it anew.
  static func pod(_ pod: JSONValue, with status: JSONValue) -> JSONValue {
    let own = (pod.value(at: "/status/conditions")?.array ?? []).filter(isScheduled)
    let written = status["conditions"]?.array ?? []
    let conditions = written.contains(where: isScheduled) ? written : own + written
    let members =
      (status.object ?? []).filter { $0.name != "conditions" }
      + [JSONMember("conditions", .array(conditions))]
    return .object(
      (pod.object ?? []).filter { $0.name != "status" } + [JSONMember("status", .object(members))])
  }

  static func acts(
    _ event: JSONValue, _ object: JSONValue, _ before: JSONValue?
  ) -> [Deed] {
    guard let before else { return [] }
    if event["type"] == "DELETED" {
      let grace = before.value(at: "/metadata/deletionGracePeriodSeconds")?.integer ?? 0
      return grace > 0 ? [.remove] : []
    }
    let grace = { (pod: JSONValue) in
      pod.value(at: "/metadata/deletionGracePeriodSeconds")?.integer
    }
    if let given = grace(before), given > 0, grace(object) == 0 { return [.remove] }
    let node = object.value(at: "/spec/nodeName")?.string
    if let node, before.value(at: "/spec/nodeName") == nil { return [.bind(node: node)] }
    guard let status = object["status"], status != before["status"] else { return [] }
    let scheduled = { (pod: JSONValue) in
      pod.value(at: "/status/conditions")?.array?.first(where: isScheduled)
    }
    guard scheduled(before) == scheduled(object) else { return [.status(status)] }
    let conditions = (status["conditions"]?.array ?? []).filter { !isScheduled($0) }
    let members = (status.object ?? []).map { member in
      member.name == "conditions" ? JSONMember("conditions", .array(conditions)) : member
    }
    return [.status(.object(members))]
  }
}
