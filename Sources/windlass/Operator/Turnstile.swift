import Synchronization

/// Lets so many do something at a time: what is urgent first, and else in the order in which they
/// came.
///
/// A thousand services that begin together would need at once what a thousand beginnings need, and
/// what stays of each would lie scattered over all of that memory.
final class Turnstile: Sendable {
  /// Those who wait, in the order in which they came.
  private struct Queue {
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Those of `waiting` before this one have passed.
    private var passed = 0

    var count: Int { waiting.count - passed }

    mutating func append(_ continuation: CheckedContinuation<Void, Never>) {
      waiting.append(continuation)
    }

    mutating func next() -> CheckedContinuation<Void, Never>? {
      guard passed < waiting.count else {
        waiting = []
        passed = 0
        return nil
      }
      defer { passed += 1 }
      return waiting[passed]
    }
  }

  private struct State {
    var free: Int
    var urgent = Queue()
    var others = Queue()
  }
  private let state: Mutex<State>

  /// - Parameter atOnce: How many, one at least.
  init(atOnce: Int) { state = Mutex(State(free: max(1, atOnce))) }

  /// How many wait.
  var waiting: Int { state.withLock { $0.urgent.count + $0.others.count } }

  /// Does something when it is its turn.
  ///
  /// A task that is cancelled waits for its turn all the same: whoever is before it is cancelled as
  /// well, or soon done.
  ///
  /// - Parameter isUrgent: Whether it comes before all that is not.
  func pass<Result: Sendable>(
    isUrgent: Bool = false, _ work: () async throws -> Result
  ) async rethrows -> Result {
    await enter(isUrgent)
    defer { leave() }
    return try await work()
  }

  private func enter(_ isUrgent: Bool) async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.free == 0 else {
          state.free -= 1
          return true
        }
        if isUrgent { state.urgent.append(continuation) } else { state.others.append(continuation) }
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      if let next = state.urgent.next() ?? state.others.next() { return next }
      state.free += 1
      return nil
    }
    next?.resume()
  }
}
