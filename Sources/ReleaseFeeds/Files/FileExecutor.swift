import Dispatch

/// Runs an actor's jobs on a thread of its own queue, so that waiting for a disk never stops the
/// shared pool.
final class FileExecutor: SerialExecutor {
  private let queue = DispatchQueue(label: "windlass.feeds.files")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedSerialExecutor()
    queue.async { job.runSynchronously(on: executor) }
  }

  func checkIsolated() {
    dispatchPrecondition(condition: .onQueue(queue))
  }
}
