import Glibc
import Synchronization

/// A thread for work that blocks for as long as it likes, such as a client that waits for replies.
final class PlainThread: Sendable {
  private let identifier: pthread_t
  private let isJoined = Mutex(false)

  /// Starts the thread.
  ///
  /// - Throws: `CommandFailure` when the machine has no thread to give.
  init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(CommandFailure) {
    var identifier = pthread_t()
    let box = Unmanaged.passRetained(Work(body))
    let code = pthread_create(&identifier, nil, PlainThread.entry, box.toOpaque())
    guard code == 0 else {
      box.release()
      throw CommandFailure(
        .failed, "NoThread",
        "The thread \(name) can't be started: \(String(cString: strerror(code))). Raise the limit "
          + "of processes (ulimit -u) and run the command again.")
    }
    self.identifier = identifier
  }

  /// Waits until the body has returned; whoever asks again learns it at once.
  func join() {
    isJoined.withLock { isJoined in
      // A thread may be joined once; its identifier means nothing afterwards.
      if !isJoined { pthread_join(identifier, nil) }
      isJoined = true
    }
  }

  /// Carries the closure through the C call.
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? =
    { pointer in
      guard let pointer else { return nil }
      // Balances passRetained: the thread owns the box from here on.
      Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
      return nil
    }
}

/// The clock that paces the load; nothing but differences of it means anything.
enum LoadClock {
  /// Nanoseconds since some moment before this process.
  static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Sleeps until the moment, or not at all when it has passed.
  static func sleep(until moment: Int64) {
    var time = timespec(
      tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, CInt(TIMER_ABSTIME), &time, nil) == EINTR {}
  }
}
