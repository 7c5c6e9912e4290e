import Dispatch
import Glibc
import Synchronization

/// A thread that lives as long as the process.
///
/// Linux sends the signal of `PR_SET_PDEATHSIG` when the *thread* that made a child ends, and
/// threads of pools end when they are idle; so children that must not outlive us are made here.
final class LastingThread: Sendable {
  /// The only one.
  static let shared = LastingThread()

  private let jobs = Mutex<[@Sendable () -> Void]>([])
  private let wake = DispatchSemaphore(value: 0)

  private let isRunning = Mutex(false)

  private init() {}

  /// Starts the thread where it does not run; false when the machine has none to give.
  private func start() -> Bool {
    isRunning.withLock { isRunning in
      guard !isRunning else { return true }
      var thread = pthread_t()
      // The only instance is static and lives for ever, so the thread may hold it unretained.
      let context = Unmanaged.passUnretained(self).toOpaque()
      let result = pthread_create(
        &thread, nil,
        { context in
          guard let context else { return nil }
          Unmanaged<LastingThread>.fromOpaque(context).takeUnretainedValue().serve()
          return nil
        }, context)
      guard result == 0 else { return false }
      pthread_detach(thread)
      isRunning = true
      return true
    }
  }

  private func serve() {
    while true {
      wake.wait()
      let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      job?()
    }
  }

  /// Runs the body there and waits for its result; nil when there is no thread to be had.
  func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value? {
    guard start() else { return nil }
    let done = DispatchSemaphore(value: 0)
    let result = ResultBox<Value>()
    jobs.withLock { jobs in
      jobs.append {
        result.value.withLock { $0 = body() }
        done.signal()
      }
    }
    wake.signal()
    while true {
      done.wait()
      // Set before the semaphore was signalled, so the first pass finds it.
      if let value = result.value.withLock({ $0 }) { return value }
    }
  }

  /// A mutex that a closure may capture.
  private final class ResultBox<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
  }
}
