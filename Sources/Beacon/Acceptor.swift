import Glibc
import NIOPosix

/// Takes connections from one listening socket that other processes share.
///
/// SwiftNIO can serve an inherited listener by itself, but takes for granted that a readable one
/// holds a connection for it (its debug builds check that), and sets the queue's length for
/// everybody; a shared listener is readable for all, and only one gets the connection. So a thread
/// accepts here, and SwiftNIO gets the connections.
final class Acceptor: Sendable {
  private let listener: Listener
  /// Both ends of a pipe: a byte ends the thread.
  private let wake: (read: CInt, write: CInt)

  /// Prepares to accept on the listener, which belongs to the acceptor from here on.
  init(_ listener: Listener) throws(StartupError) {
    // The flag belongs to the socket and not to the process: a connection that a sibling took first
    // must not leave this process waiting in accept(2).
    let flags = fcntl(listener.descriptor, F_GETFL)
    var ends: [CInt] = [-1, -1]
    guard flags >= 0, fcntl(listener.descriptor, F_SETFL, flags | O_NONBLOCK) == 0,
      pipe(&ends) == 0
    else {
      throw StartupError(
        "beacon: the socket \(listener.name) can't be used: \(String(cString: strerror(errno))).")
    }
    self.listener = listener
    wake = (ends[0], ends[1])
  }

  /// Starts the thread: `accepted` gets each connection's descriptor, `ended` comes after the last
  /// one, when the listener is closed.
  func start(
    accepted: @escaping @Sendable (CInt) -> Void, ended: @escaping @Sendable () -> Void
  ) {
    let thread = NIOThreadPool(numberOfThreads: 1)
    thread.start()
    thread.submit { _ in
      while self.isConnectionWaiting() {
        // Siblings were woken by the same connection; to find none is usual.
        let connection = accept(self.listener.descriptor, nil, nil)
        if connection >= 0 { accepted(connection) } else { self.pauseAfterFailure(errno) }
      }
      // close(2) alone: a shutdown(2) would end the socket for every process that shares it.
      // Connections in its queue stay there for the siblings.
      close(self.listener.descriptor)
      ended()
    }
  }

  /// Makes the thread end, from any thread; a second call changes nothing.
  func stop() {
    var byte: UInt8 = 0
    // A full pipe holds a byte already, and so ends the thread as well.
    _ = write(wake.write, &byte, 1)
  }

  /// Waits for a connection, and returns false when the acceptor is to end.
  ///
  /// poll(2) wakes every process that waits. Waits that wake only one (a blocking accept,
  /// EPOLLEXCLUSIVE) would lose the wake-up when that one closes the listener instead.
  private func isConnectionWaiting() -> Bool {
    var waits = [
      pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
      pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while poll(&waits, 2, -1) < 0 {}
    return waits[0].revents == 0
  }

  /// Lets a while pass when there is no descriptor or memory for one more connection, which waits
  /// in the queue meanwhile.
  private func pauseAfterFailure(_ code: CInt) {
    guard [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) else { return }
    Log.write("no connection can be accepted: \(String(cString: strerror(code)))")
    usleep(10_000)
  }
}
