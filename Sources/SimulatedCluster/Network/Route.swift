import KubernetesFleet
import Synchronization

/// Where the connections to one port of a Service are led to.
final class Route: Sendable {
  /// One pod's port.
  struct Target: Hashable, Sendable {
    var address: String
    var port: Int
  }

  private struct State {
    var targets: [Target]
    var next = 0
    var isClosed = false
  }

  private let state: Mutex<State>
  let news = Signal()

  init(_ targets: [Target]) { state = Mutex(State(targets: targets)) }

  /// Leads new connections to these.
  func set(_ targets: [Target]) { state.withLock { $0.targets = targets } }

  /// Whose turn it is; nil when nobody is ready.
  func next() -> Target? {
    state.withLock { state in
      guard !state.targets.isEmpty else { return nil }
      state.next = (state.next + 1) % state.targets.count
      return state.targets[state.next]
    }
  }

  /// Ends the listening.
  func close() {
    state.withLock { $0.isClosed = true }
    news.send()
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }
}
