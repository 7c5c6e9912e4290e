import Dispatch

/// Runs an actor's jobs one after another on a queue of their own, so that its blocking calls stop
/// nobody else.
final class BlockingExecutor: SerialExecutor {
  private let queue: DispatchQueue

  /// Makes a queue of that name.
  init(label: String) {
    queue = DispatchQueue(label: label)
  }

  /// Runs the job after those before it.
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  /// Traps unless it is called on the queue.
  func checkIsolated() {
    dispatchPrecondition(condition: .onQueue(queue))
  }
}
