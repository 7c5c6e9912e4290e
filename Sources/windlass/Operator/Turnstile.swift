import Synchronization

/// Lets so many do something at a time, in the order in which they came.
///
/// A thousand services that begin together would need at once what a thousand beginnings need, and
/// what stays of each would lie scattered over all of that memory.
final class Turnstile: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// Those of `waiting` before this one have passed.
    var passed = 0
  }
  private let state: Mutex<State>

  /// - Parameter atOnce: How many, one at least.
  init(atOnce: Int) { state = Mutex(State(free: max(1, atOnce))) }

  /// Does something when it is its turn.
  ///
  /// A task that is cancelled waits for its turn all the same: whoever is before it is cancelled as
  /// well, or soon done.
  func pass<Result: Sendable>(
    _ work: () async throws -> Result
  ) async rethrows -> Result {
    await enter()
    defer { leave() }
    return try await work()
  }

  private func enter() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.free == 0 else {
          state.free -= 1
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.passed < state.waiting.count else {
        state.waiting = []
        state.passed = 0
        state.free += 1
        return nil
      }
      defer { state.passed += 1 }
      return state.waiting[state.passed]
    }
    next?.resume()
  }
}
