import Synchronization
import WindlassCore

@testable import KubernetesFleet

/// A clock that a test moves; with `jumps`, whoever sleeps moves it, so that nobody ever waits.
final class ManualClock: RunClock {
  private struct Sleeper {
    var time: Timestamp
    var continuation: CheckedContinuation<Void, Never>
  }
  private struct State {
    var now: Timestamp
    var last = 0
    var sleepers: [Int: Sleeper] = [:]
    var slept: [Interval] = []
  }
  private let state: Mutex<State>
  private let jumps: Bool

  init(_ time: Timestamp = Timestamp(milliseconds: 1_800_000_000_000), jumps: Bool = false) {
    state = Mutex(State(now: time))
    self.jumps = jumps
  }

  /// How long each sleep was meant to be, in order.
  var slept: [Interval] { state.withLock { $0.slept } }

  /// How many sleep now.
  var sleepers: Int { state.withLock { $0.sleepers.count } }

  func now() -> Timestamp { state.withLock { $0.now } }

  func sleep(until time: Timestamp) async {
    let sleeper = state.withLock { state -> Int? in
      state.slept.append(time - state.now)
      if jumps { state.now = max(state.now, time) }
      guard time > state.now else { return nil }
      state.last += 1
      return state.last
    }
    guard let sleeper else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          guard state.now < time, !Task.isCancelled else { return true }
          state.sleepers[sleeper] = Sleeper(time: time, continuation: continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.sleepers.removeValue(forKey: sleeper) }?.continuation.resume()
    }
  }

  /// Lets time pass and wakes whose time has come.
  func advance(by interval: Interval) {
    let due = state.withLock { state in
      state.now = state.now + interval
      let due = state.sleepers.filter { $0.value.time <= state.now }
      for key in due.keys { state.sleepers[key] = nil }
      return due.values.sorted { $0.time < $1.time }
    }
    for one in due { one.continuation.resume() }
  }
}

/// Chance that is always the same.
struct FixedRandom: RandomSource {
  var value = 0.5
  func fraction() -> Double { value }
}

/// Gives way to others until the condition holds; false when it does not for very long.
func eventually(
  within patience: Duration = .seconds(120), _ condition: () async -> Bool
) async -> Bool {
  let end = ContinuousClock.now + patience
  for turn in 0... {
    if await condition() { return true }
    guard turn % 20 == 19 else {
      await Task.yield()
      continue
    }
    guard ContinuousClock.now < end else { break }
    // A pause now and then lets threads that belong to nobody's task go on.
    try? await Task.sleep(for: .milliseconds(2))
  }
  return await condition()
}
