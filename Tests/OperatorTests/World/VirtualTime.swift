import Dispatch
import Synchronization
import WindlassCore

/// One thread on which all tasks of a world run, and the clock by which they wait: when no task has
/// anything to do, it is at once the time for which the first of them waits.
///
/// Because there is one thread, and because nothing else wakes its tasks, "nobody has anything to
/// do" is known for sure, and a world goes the same way each time. So nothing in a world may wait
/// in another way: no `Task.sleep`, no detached tasks, no actors with executors of their own.
final class VirtualTime: TaskExecutor, RunClock {
  private struct Sleeper {
    var time: Timestamp
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var now: Timestamp
    var jobs: [UnownedJob] = []
    /// Jobs before this one were taken.
    var taken = 0
    var lastSleeper = 0
    var sleepers: [Int: Sleeper] = [:]
    var isStopped = false
  }

  /// What the thread does next.
  private enum Turn {
    case run(UnownedJob)
    case wake(CheckedContinuation<Void, Never>)
    case wait, stop
  }

  /// When the time of each world begins.
  static let beginning = Timestamp(milliseconds: 1_800_000_000_000)

  private let state: Mutex<State>
  private let news = DispatchSemaphore(value: 0)

  /// A time that begins there; its thread runs from now on, until `stop`.
  init(_ start: Timestamp = VirtualTime.beginning) {
    state = Mutex(State(now: start))
    DispatchQueue(label: "virtual-time").async { [self] in loop() }
  }

  /// Ends the thread, once every task of the world has ended.
  func stop() {
    state.withLock { $0.isStopped = true }
    news.signal()
  }

  // MARK: - The clock

  func now() -> Timestamp { state.withLock { $0.now } }

  func sleep(until time: Timestamp) async {
    let sleeper = state.withLock { state -> Int? in
      guard time > state.now else { return nil }
      state.lastSleeper += 1
      return state.lastSleeper
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

  // MARK: - The thread

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
    news.signal()
  }

  private func loop() {
    let executor = asUnownedTaskExecutor()
    while true {
      switch turn() {
      case .run(let job): job.runSynchronously(on: executor)
      case .wake(let continuation): continuation.resume()
      case .wait: news.wait()
      case .stop: return
      }
    }
  }

  private func turn() -> Turn {
    state.withLock { state in
      if state.taken < state.jobs.count {
        defer { state.taken += 1 }
        return .run(state.jobs[state.taken])
      }
      state.jobs.removeAll(keepingCapacity: true)
      state.taken = 0
      // Of two that wait for one time the one that came first is woken first.
      let first = state.sleepers.min { ($0.value.time, $0.key) < ($1.value.time, $1.key) }
      if let first {
        state.sleepers[first.key] = nil
        state.now = max(state.now, first.value.time)
        return .wake(first.value.continuation)
      }
      return state.isStopped ? .stop : .wait
    }
  }
}
