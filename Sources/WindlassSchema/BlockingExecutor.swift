import Dispatch
import Glibc
import Synchronization

/// Runs an actor's jobs one after the other on a thread of its own queue, so that blocking C calls
/// never stop the shared pool; or, for a program that does one thing and ends, on the thread that
/// waits for it.
package final class BlockingExecutor: SerialExecutor, TaskExecutor {
  private enum Place: Sendable {
    case queue(DispatchQueue)
    case waitingThread(WaitingJobs)
  }

  private let place: Place

  /// Makes an executor whose queue bears the label in a debugger.
  package init(label: String) {
    place = .queue(DispatchQueue(label: label))
  }

  private init(_ jobs: WaitingJobs) { place = .waitingThread(jobs) }

  /// Runs the work to its end, and everything that it hands to the executor, on this thread, which
  /// does nothing else meanwhile. No other thread is begun for it.
  ///
  /// Never called where a task already runs on the shared pool: it would stop one of its threads.
  package static func run<Result: Sendable>(
    _ work: @escaping @Sendable (BlockingExecutor) async -> Result
  ) -> Result {
    let jobs = WaitingJobs()
    let executor = BlockingExecutor(jobs)
    let result = Mutex<Result?>(nil)
    // It ends before this function does, which waits for nothing else.
    Task(executorPreference: executor) {
      let value = await work(executor)
      result.withLock { $0 = value }
    }
    while true {
      executor.run(jobs.next())
      if let value = result.withLock({ $0 }) { return value }
    }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    switch place {
    case .queue(let queue): queue.async { self.run(job) }
    case .waitingThread(let jobs): jobs.add(job)
    }
  }

  private func run(_ job: UnownedJob) {
    switch place {
    case .queue: job.runSynchronously(on: asUnownedSerialExecutor())
    case .waitingThread:
      job.runSynchronously(
        isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }
  }

  package func checkIsolated() {
    switch place {
    case .queue(let queue): dispatchPrecondition(condition: .onQueue(queue))
    case .waitingThread(let jobs): jobs.requireThread()
    }
  }
}

/// The jobs that wait for one thread, and that thread.
private final class WaitingJobs: Sendable {
  private let jobs = Mutex<[UnownedJob]>([])
  private let count = DispatchSemaphore(value: 0)
  private let thread = pthread_self()

  func add(_ job: UnownedJob) {
    jobs.withLock { $0.append(job) }
    count.signal()
  }

  /// The oldest one; waits until there is one.
  func next() -> UnownedJob {
    count.wait()
    return jobs.withLock { $0.removeFirst() }
  }

  func requireThread() {
    precondition(pthread_self() == thread, "a job of one thread runs on another")
  }
}
