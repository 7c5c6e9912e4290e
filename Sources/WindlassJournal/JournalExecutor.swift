import Dispatch

/// Runs the journal's jobs one after the other on a queue of its own, because writing the head
/// waits for the disk and must not stop the shared pool.
final class JournalExecutor: SerialExecutor {
  private let queue = DispatchQueue(label: "windlass.journal")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedSerialExecutor()
    queue.async { job.runSynchronously(on: executor) }
  }

  func checkIsolated() {
    dispatchPrecondition(condition: .onQueue(queue))
  }
}
