import Synchronization
package import WindlassCore

/// Wakes all who wait for news; a count says whether there were any since.
package final class Signal: Sendable {
  private struct State {
    var count = 0
    var lastWaiter = 0
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    /// Waiters whose time had come before they waited.
    var overdue: Set<Int> = []
  }
  private let state = Mutex(State())

  package init() {}

  /// How often there were news.
  package var count: Int { state.withLock { $0.count } }

  /// Says that there are news.
  package func send() {
    let waiting = state.withLock { state in
      state.count += 1
      defer { state.waiting = [:] }
      return state.waiting
    }
    for one in waiting.values { one.resume() }
  }

  /// Returns when there are more news than that, or when the task is cancelled.
  package func wait(after count: Int) async {
    await wait(as: newWaiter(), after: count)
  }

  /// Returns when there are more news than that, when that time has come, or when the task is
  /// cancelled.
  package func wait(after count: Int, orUntil time: Timestamp?, _ clock: any RunClock) async {
    guard let time else { return await wait(after: count) }
    let waiter = newWaiter()
    // The calling task waits itself: what waits for hours is one task more, not two.
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await clock.sleep(until: time)
        self.wake(waiter)
      }
      await self.wait(as: waiter, after: count)
      group.cancelAll()
    }
    _ = state.withLock { $0.overdue.remove(waiter) }
  }

  private func newWaiter() -> Int {
    state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
  }

  private func wait(as waiter: Int, after count: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          guard state.count == count, !state.overdue.contains(waiter), !Task.isCancelled else {
            return true
          }
          state.waiting[waiter] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: waiter) }?.resume()
    }
  }

  private func wake(_ waiter: Int) {
    let waiting = state.withLock { state in
      let waiting = state.waiting.removeValue(forKey: waiter)
      if waiting == nil { state.overdue.insert(waiter) }
      return waiting
    }
    waiting?.resume()
  }
}
