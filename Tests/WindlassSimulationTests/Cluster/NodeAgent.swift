import WindlassWire

/// What the node agent of a recorded cluster did, read from what the recording saw of its pods:
/// it bound them to nodes, wrote their status, and removed them when they had ended.
struct NodeAgent {
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

  /// All that it did, in the order of the recorded versions.
  let acts: [Act]

  /// One that has nothing to do.
  init() { acts = [] }

  init(_ transcript: Transcript) {
    let events = transcript.steps.filter { $0.path.contains("/pods?watch") }
      .flatMap { $0.events ?? [] }
    var seen: Set<Int64> = []
    var pods: [String: JSONValue] = [:]
    var acts: [Act] = []
    var made: [String: Int64] = [:]
    let ordered = events.compactMap { event -> (version: Int64, event: JSONValue)? in
      guard let object = event["object"],
        let version = object.value(at: "/metadata/resourceVersion")?.string.flatMap(Int64.init)
      else { return nil }
      return (version, event)
    }.sorted { $0.version < $1.version }
    let owners = transcript.steps.filter {
      $0.path.contains("?watch") && !$0.path.contains("/pods")
    }
    .flatMap { $0.events ?? [] }.filter { $0["type"] == "MODIFIED" }
    for (version, event) in ordered where seen.insert(version).inserted {
      guard let object = event["object"],
        let name = object.value(at: "/metadata/name")?.string
      else { continue }
      let time = (event["at_ms"]?.integer ?? 0) - Self.lead
      for deed in Self.acts(event, object, pods[name]) {
        var time = time
        if case .bind = deed {
          time = Self.bindingTime(time, version, made: made[name] ?? 0, owners)
        }
        acts.append(Act(atMilliseconds: time, pod: name, deed: deed))
      }
      if pods[name] == nil { made[name] = time }
      pods[name] = object
    }
    self.acts = acts
  }

  /// How much earlier than the recording's client the server knew of something, in milliseconds.
  static let lead: Int64 = 5

  /// A pod with a recorded status; what the scheduler has written stays.
  static func pod(_ pod: JSONValue, with status: JSONValue) -> JSONValue {
    let isScheduled = { (condition: JSONValue) in condition["type"] == "PodScheduled" }
    let own = (pod.value(at: "/status/conditions")?.array ?? []).filter(isScheduled)
    let conditions = own + (status["conditions"]?.array ?? []).filter { !isScheduled($0) }
    let members =
      (status.object ?? []).filter { $0.name != "conditions" }
      + [JSONMember("conditions", .array(conditions))]
    return .object(
      (pod.object ?? []).filter { $0.name != "status" } + [JSONMember("status", .object(members))])
  }

  /// When a pod is bound. The scheduler and the pod's controller, which writes what it has made,
  /// race with each other: the binding is moved a little so that it comes in the recorded order.
  private static func bindingTime(
    _ time: Int64, _ version: Int64, made: Int64, _ owners: [JSONValue]
  ) -> Int64 {
    let near = owners.compactMap { event -> (version: Int64, time: Int64)? in
      guard let seen = event["at_ms"]?.integer, abs(seen - time) < 60,
        let own = event.value(at: "/object/metadata/resourceVersion")?.string.flatMap(Int64.init)
      else { return nil }
      return (own, seen)
    }.first
    guard let near else { return time }
    return near.version > version ? min(time, made - 60) : max(time, near.time + 15)
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
    return [.status(status)]
  }
}
