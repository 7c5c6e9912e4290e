import WindlassWire

/// What the controllers of a recorded cluster wrote, and its node agent with them, in the order of
/// versions.
///
/// Which controller gets its turn first is chance in a real cluster. The recording tells how the
/// chance fell; what is written in each turn is up to the simulation.
struct RecordedWork {
  /// One write.
  struct Deed {
    var version: Int64
    var atMilliseconds: Int64
    var work: Work
  }

  enum Work {
    case agent(NodeAgent.Act)
    /// A controller wrote this object, or asked this pod to end.
    case controller(JSONValue)
    /// The garbage collector deleted this object.
    case collected(JSONValue)
    /// A pod that was let go was gone.
    case gone(pod: String)
  }

  private(set) var deeds: [Deed] = []
  private var states: [String: JSONValue] = [:]
  private let clientVersions: Set<Int64>
  /// Pods that a client deleted or evicted.
  private let clientPods: [(name: String, at: Int64)]

  init(_ transcript: Transcript) {
    let writes = transcript.steps.filter { $0.method != "GET" && $0.status < 300 }
    clientVersions = Set(writes.compactMap { $0.answer.flatMap(Self.version) })
    clientPods =
      writes.filter { !$0.path.contains("dryRun") }.compactMap { step in
        let words = step.path.split(separator: "/").map(String.init)
        guard let place = words.firstIndex(of: "pods"), place + 1 < words.count else { return nil }
        let isGone = step.method == "DELETE" || words.last == "eviction"
        let name = words[place + 1].split(separator: "?").first.map(String.init)
        return isGone ? name.map { ($0, step.atMilliseconds) } : nil
      }
    var seen: Set<String> = []
    var events: [(version: Int64, at: Int64, event: JSONValue)] = []
    for step in transcript.steps {
      let initial = (step.events ?? []).prefix { $0["type"] == "ADDED" }.count
      for (place, event) in (step.events ?? []).enumerated() {
        guard let object = event["object"], let version = Self.version(object),
          object.value(at: "/metadata/name") != nil,
          seen.insert("\(version) \(object["kind"]?.string ?? "")").inserted
        else { continue }
        if place < initial, !step.path.contains("resourceVersion=") {
          states[Self.key(object)] = object
        } else {
          events.append((version, event["at_ms"]?.integer ?? 0, event))
        }
      }
    }
    events.sort { $0.version < $1.version }
    // A write is not later than the first sight of one that came after it.
    var latest = Int64.max
    for index in events.indices.reversed() {
      latest = min(latest, events[index].at)
      events[index].at = latest
    }
    for entry in events { add(entry.event, entry.version, entry.at - NodeAgent.lead) }
  }

  static func version(_ object: JSONValue) -> Int64? {
    object.value(at: "/metadata/resourceVersion")?.string.flatMap(Int64.init)
  }

  private static func key(_ object: JSONValue) -> String {
    "\(object["kind"]?.string ?? "") \(object.value(at: "/metadata/name")?.string ?? "")"
  }

  private mutating func add(_ event: JSONValue, _ version: Int64, _ time: Int64) {
    guard let object = event["object"] else { return }
    let before = states[Self.key(object)]
    defer {
      states[Self.key(object)] = event["type"] == "DELETED" ? nil : object
    }
    guard !clientVersions.contains(version) else { return }
    let name = object.value(at: "/metadata/name")?.string ?? ""
    let works: [Work]
    if object["kind"] == "Pod" {
      works = pod(event, object, before, name)
    } else if event["type"] == "DELETED" {
      // The others are deleted by clients.
      works = ["Job", "ReplicaSet"].contains(object["kind"]) ? [.collected(object)] : []
    } else {
      let evicted = { (budget: JSONValue?) in
        budget?.value(at: "/status/disruptedPods")?.object?.count ?? 0
      }
      // The server itself takes an eviction from a budget.
      works = evicted(object) > evicted(before) ? [] : [.controller(object)]
    }
    deeds += works.map { Deed(version: version, atMilliseconds: time, work: $0) }
  }

  private func pod(
    _ event: JSONValue, _ object: JSONValue, _ before: JSONValue?, _ name: String
  ) -> [Work] {
    guard let before else { return event["type"] == "ADDED" ? [.controller(object)] : [] }
    if event["type"] == "DELETED" { return [.gone(pod: name)] }
    let finalizers = { (pod: JSONValue) in pod.value(at: "/metadata/finalizers") }
    if finalizers(object) != finalizers(before) { return [.controller(object)] }
    let mark = { (pod: JSONValue) in pod.value(at: "/metadata/deletionTimestamp") }
    let isMarked = event["type"] == "MODIFIED" && mark(before) == nil && mark(object) != nil
    if isMarked {
      let seen = event["at_ms"]?.integer ?? 0
      let isClients = clientPods.contains { $0.name == name && (0..<200).contains(seen - $0.at) }
      return isClients ? [] : [.controller(object)]
    }
    let isEvicted = { (pod: JSONValue) in
      (pod.value(at: "/status/conditions")?.array ?? []).contains {
        $0["type"] == "DisruptionTarget"
      }
    }
    if isEvicted(object), !isEvicted(before) { return [] }
    return NodeAgent.acts(event, object, before).map {
      .agent(NodeAgent.Act(atMilliseconds: 0, pod: name, deed: $0))
    }
  }
}
