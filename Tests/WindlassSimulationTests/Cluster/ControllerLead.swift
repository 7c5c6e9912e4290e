import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// Leads the controllers of the simulated cluster through a recording: they get their turns when
/// the recorded ones had them, and each turn must write what was recorded.
///
/// Real controllers see the cluster through caches that lag a little. So a turn may begin with what
/// the cluster was at an earlier version, but never before what the same controller has seen of
/// that object already.
struct ControllerLead {
  private struct Place: Hashable {
    var controller: WorkloadController
    var key: ObjectKey
  }

  /// Writes of a turn that are still to come.
  private var pending: [Place: [ControllerWrite]] = [:]
  private var seen: [Place: Int64] = [:]
  /// Resources whose every write the recording has.
  private let watched: Set<String>

  init(_ transcript: Transcript) {
    let names = [
      "deployments": "deployments.apps", "replicasets": "replicasets.apps", "pods": "pods",
      "statefulsets": "statefulsets.apps", "daemonsets": "daemonsets.apps",
      "poddisruptionbudgets": "poddisruptionbudgets.policy",
    ]
    watched = Set(
      names.filter { name, _ in
        transcript.steps.contains { $0.path.contains("/\(name)?watch") }
      }.values)
  }

  private static let owners: [String: WorkloadController] = [
    "Deployment": .deployment, "ReplicaSet": .replicaSet, "StatefulSet": .statefulSet,
    "DaemonSet": .daemonSet, "PodDisruptionBudget": .disruptionBudget,
  ]

  /// Who may have written an object, and about which of its own objects.
  private func writers(_ object: JSONValue, _ translation: Translation) -> [Place] {
    let kind = object["kind"]?.string ?? ""
    var places: [Place] = []
    let place = { (kind: String, name: String) -> Place? in
      Self.owners[kind].map {
        Place(
          controller: $0,
          key: ObjectKey(
            resource: $0.rawValue, namespace: object.namespace, name: translation.text(name)))
      }
    }
    if kind != "Pod", let own = place(kind, object.name) { places.append(own) }
    if kind == "Pod" || kind == "ReplicaSet", let owner = object.controller,
      let other = place(owner["kind"]?.string ?? "", owner["name"]?.string ?? "")
    {
      places.append(other)
    }
    return places
  }

  /// Lets the controller that wrote an object write it; returns what differs.
  mutating func write(
    _ recorded: JSONValue, _ server: inout SimulatedAPIServer, _ translation: inout Translation
  ) -> [String] {
    var best: (differences: [String], server: SimulatedAPIServer, lead: ControllerLead)?
    var tried = "no controller has anything to write"
    for place in writers(recorded, translation) {
      for attempt in attempts(place, server) {
        var copy = server
        var lead = self
        for index in attempt.writes.indices {
          let write = attempt.writes[index]
          let isShown = watched.contains(write.key.resource)
          let before = copy.store.revision
          // A controller that sees an old state knows what it has made since then.
          if attempt.isStale, !isShown, write.key.resource == "pods" { continue }
          var test = copy
          guard test.carryOut(write), test.store.revision > before else {
            tried = "\(place.controller) was refused \(write.key)"
            continue
          }
          guard isShown else {
            copy = test
            continue
          }
          guard let event = test.store.history.last(where: { $0.kind != .deleted }),
            event.object["kind"] == recorded["kind"]
          else { continue }
          var comparison = Comparison(translation)
          comparison.compare(recorded, event.object)
          lead.pending[place] = Array(attempt.writes[(index + 1)...])
          lead.seen[place] = attempt.version
          if comparison.differences.isEmpty {
            server = test
            translation = comparison.translation
            self = lead
            return []
          }
          let isBetter = best.map { comparison.differences.count < $0.differences.count } ?? true
          if isBetter { best = (comparison.differences, test, lead) }
        }
      }
    }
    guard let best else { return [tried] }
    server = best.server
    self = best.lead
    return best.differences
  }

  private struct Attempt {
    var writes: [ControllerWrite]
    var version: Int64
    var isStale: Bool
  }

  /// What may come next of a controller: the rest of its turn, or a new turn that begins with the
  /// present state or, the latest first, with an earlier one.
  private func attempts(_ place: Place, _ server: SimulatedAPIServer) -> [Attempt] {
    let last = seen[place] ?? 0
    var attempts: [Attempt] = []
    if let rest = pending[place], !rest.isEmpty {
      attempts.append(Attempt(writes: rest, version: last, isStale: false))
    }
    let present = server.store.revision
    for version in stride(from: present, through: max(last, present - 40), by: -1) {
      let view = server.view(at: version == present ? nil : version)
      let turn = place.controller.turn(place.key, view)
      attempts.append(
        Attempt(writes: turn.writes, version: version, isStale: version < present))
    }
    return attempts
  }

  /// What the controllers would write by themselves now, of what the recording watched.
  func leftovers(_ server: SimulatedAPIServer) -> [String] {
    server.store.objects.keys.sorted().flatMap { key -> [String] in
      guard let controller = WorkloadController(rawValue: key.resource) else { return [] }
      return controller.turn(key, server.view(at: nil)).writes
        .filter { watched.contains($0.key.resource) }
        .map { "\(controller) would write \($0.key.resource) \($0.key.name): \($0.deed)" }
    }
  }
}
