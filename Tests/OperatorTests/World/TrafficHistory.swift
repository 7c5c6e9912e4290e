import Synchronization

/// What the operators of a world asked and were told, and what goes wrong with it.
final class TrafficHistory: Sendable {
  /// One thing that took place, and who did it or was told.
  struct Entry: Hashable, Sendable {
    var identity: String
    var traffic: Traffic
  }

  private struct State {
    var entries: [Entry] = []
    var requests: [SeenRequest: Int] = [:]
    var events: [SeenEvent: Int] = [:]
    var makers: [String: String] = [:]
    var interference = Interference()
  }

  private let state = Mutex(State())

  /// All that took place, in order.
  var entries: [Entry] { state.withLock { $0.entries } }

  /// The requests that the server carried out, in order; those of one operator, or of all.
  func requests(of identity: String? = nil) -> [SeenRequest] {
    entries.compactMap { entry in
      guard case .request(let seen, _) = entry.traffic,
        identity == nil || entry.identity == identity
      else { return nil }
      return seen
    }
  }

  /// What goes wrong from now on.
  var interference: Interference {
    get { state.withLock { $0.interference } }
    set { state.withLock { $0.interference = newValue } }
  }

  /// The request with its number.
  func numbered(_ request: SeenRequest) -> SeenRequest {
    state.withLock { state in
      state.requests[request, default: 0] += 1
      var numbered = request
      numbered.number = state.requests[request] ?? 0
      return numbered
    }
  }

  /// The event with its number.
  func numbered(_ event: SeenEvent) -> SeenEvent {
    state.withLock { state in
      state.events[event.place, default: 0] += 1
      var numbered = event
      numbered.number = state.events[event.place] ?? 0
      return numbered
    }
  }

  /// The identity of the operator that made a Job of that name.
  func maker(of job: String) -> String? { state.withLock { $0.makers[job] } }

  /// Writes down who made a Job.
  func note(maker process: OperatorProcess, of job: String) {
    state.withLock { $0.makers[job] = process.identity }
  }

  /// Writes down what took place.
  func note(_ traffic: Traffic, by process: OperatorProcess) {
    state.withLock { $0.entries.append(Entry(identity: process.identity, traffic: traffic)) }
  }
}
