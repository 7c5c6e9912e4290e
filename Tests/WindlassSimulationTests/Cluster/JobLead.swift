import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// Leads the controller of Jobs and the garbage collector through a recording: their next task is
/// let go when the recorded one made the write that the task makes, at most three tenths of a
/// second early or late.
struct JobLead {
  private let isNeeded: Bool
  /// Writes of tasks that were let go, of which the recording is still to tell.
  private var ahead: [StoreEvent] = []

  private static let reach = Interval.milliseconds(300)

  init(isNeeded: Bool) { self.isNeeded = isNeeded }

  /// Lets the controller wait for its turns.
  func begin(_ server: inout SimulatedAPIServer) {
    if isNeeded { server.agenda.patience = Self.reach }
  }

  /// Lets the controllers make a recorded write, if it is one of theirs.
  mutating func write(
    _ recorded: JSONValue, isDeletion: Bool = false, _ server: inout SimulatedAPIServer,
    _ translation: Translation
  ) {
    let shape = { (object: JSONValue) in
      [
        object["kind"]?.string ?? "", String(object.finalizers.count), String(object.isTerminating),
        String(object.at("metadata", "ownerReferences")?.elements.count ?? 0),
      ]
    }
    let isThis = { (event: StoreEvent) in
      guard (event.kind == .deleted) == isDeletion,
        isDeletion || shape(event.object) == shape(recorded)
      else { return false }
      // A pod that is new has a name that the recording does not know yet.
      let name = translation.text(recorded.name)
      return event.key.name == name || (event.kind == .added && name == recorded.name)
    }
    if let place = ahead.firstIndex(where: isThis) {
      ahead.remove(at: place)
      return
    }
    if let found = Self.turn(server, depth: 3, isThis) {
      ahead += found.others
      server = found.server
    }
  }

  /// The server after the tasks that lead to a write; one that writes nothing may plan the next.
  private static func turn(
    _ server: SimulatedAPIServer, depth: Int, _ isThis: (StoreEvent) -> Bool
  ) -> (server: SimulatedAPIServer, others: [StoreEvent])? {
    for task in server.agenda.waiting(until: server.now + reach) {
      var test = server
      test.letGo(task)
      var made = Array(test.store.history[test.store.index(after: server.revision)...])
      if let place = made.firstIndex(where: isThis) {
        made.remove(at: place)
        return (test, made)
      }
      if made.isEmpty, depth > 0, let found = turn(test, depth: depth - 1, isThis) { return found }
    }
    return nil
  }

  /// Lets the server remove a pod that is gone.
  func remove(_ pod: String, _ namespace: String, _ server: inout SimulatedAPIServer) {
    let key = ObjectKey(resource: "pods", namespace: namespace, name: pod)
    for task in server.agenda.waiting(until: server.now + Self.reach) {
      if case .removePod(key, _) = task { server.letGo(task) }
    }
  }
}
