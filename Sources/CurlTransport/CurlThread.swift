import CCurl
import Glibc
import Synchronization
import WindlassCore
import WindlassWire

/// The one thread that calls libcurl; it sleeps without a timeout while nothing is under way.
final class CurlThread: Sendable {
  /// What the thread is told to do.
  private enum Command {
    case start(TransferOrder)
    case cancel(TransferOrder)
    case stop
  }

  /// What the thread and those who tell it share.
  private struct Inbox {
    var commands: [Command] = []
    /// Whether the thread has ended, so that nobody reads commands any more.
    var isOver = false
  }

  private let multi: MultiHandle
  private let inbox = Mutex(Inbox())

  /// Starts the thread.
  init(security: HTTPSecurity) throws(HTTPError) {
    multi = try MultiHandle()
    let context = Unmanaged.passRetained(
      ThreadStart(thread: self, security: security))
    var handle = pthread_t()
    let code = pthread_create(&handle, nil, runThread, context.toOpaque())
    guard code == 0 else {
      context.release()
      throw HTTPError(
        .other, "The thread for HTTP could not be started: \(String(cString: strerror(code))).")
    }
    pthread_detach(handle)
  }

  /// Carries out an order and waits for its answer; cancelling the task ends the transfer.
  func perform(_ order: TransferOrder) async throws(HTTPError) -> HTTPResponse {
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        order.await(by: continuation)
        if !tell(.start(order)) { order.finish(.failure(CurlFailure.cancelled(order))) }
      }
    } onCancel: {
      // Marked before the thread is told: whichever command it reads first, it sees the mark.
      order.cancel()
      _ = tell(.cancel(order))
    }
    return try result.get()
  }

  /// Lets the thread end once it has answered everybody.
  func stop() { _ = tell(.stop) }

  /// Hands over a command; false when the thread has ended.
  private func tell(_ command: Command) -> Bool {
    let isHeard = inbox.withLock { inbox in
      if !inbox.isOver { inbox.commands.append(command) }
      return !inbox.isOver
    }
    multi.wake()
    return isHeard
  }

  /// The thread's work, from its start to its end.
  fileprivate func run(security: HTTPSecurity) {
    let pool = CurlPool(multi: multi.pointer, security: security)
    while true {
      let commands = inbox.withLock { inbox in
        defer { inbox.commands = [] }
        return inbox.commands
      }
      var isStopping = false
      for command in commands {
        switch command {
        case .start(let order): pool.start(order)
        case .cancel(let order): pool.cancel(order)
        case .stop: isStopping = true
        }
      }
      if isStopping { break }
      let wait = pool.turn()
      if curl_multi_poll(multi.pointer, nil, 0, wait, nil) != CURLM_OK {
        // Out of memory or descriptors: without a pause the thread would spin until they return.
        poll(nil, 0, 100)
      }
    }
    let unread = inbox.withLock { inbox in
      inbox.isOver = true
      defer { inbox.commands = [] }
      return inbox.commands
    }
    for case .start(let order) in unread { pool.start(order) }
    pool.cancelAll()
  }
}

/// What a new thread is given.
private final class ThreadStart {
  let thread: CurlThread
  let security: HTTPSecurity

  init(thread: CurlThread, security: HTTPSecurity) {
    self.thread = thread
    self.security = security
  }
}

/// The new thread's first function.
private func runThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
  // Signals belong to the main thread. With SIGPIPE blocked, writing to a connection that the peer
  // has closed is an error code and nothing more.
  var all = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_BLOCK, &all, nil)
  nameThread()
  start.thread.run(security: start.security)
  return nil
}

/// Shows up in `top -H` and in a debugger; that it may fail hurts nobody.
private func nameThread() {
  let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return }
  let name = "windlass-http"
  _ = write(descriptor, name, name.utf8.count)
  close(descriptor)
}
