import Synchronization
import WindlassCore

/// Wakes whoever waits when something about a step may have changed.
final class StepNews: Sendable {
  private struct State {
    var count = 0
    var last = 0
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
  }
  private let state = Mutex(State())

  /// How often something was told; read before looking, so that nothing is missed in between.
  var count: Int { state.withLock { $0.count } }

  /// Tells everybody.
  func send() {
    let waiting = state.withLock { state in
      state.count += 1
      defer { state.waiting = [:] }
      return state.waiting.values.map { $0 }
    }
    for one in waiting { one.resume() }
  }

  /// Returns when something was told since that count, at that time at the latest, or when the task
  /// is cancelled.
  func wait(after seen: Int, until time: Timestamp, _ clock: any RunClock) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait(after: seen) }
      group.addTask { await clock.sleep(until: time) }
      await group.next()
      group.cancelAll()
    }
  }

  private func wait(after seen: Int) async {
    let ticket = state.withLock { state in
      state.last += 1
      return state.last
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          guard state.count == seen, !Task.isCancelled else { return true }
          state.waiting[ticket] = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
    }
  }
}
