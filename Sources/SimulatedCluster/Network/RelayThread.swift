import CLinux
import Glibc
import Synchronization

/// The thread of a relay: one loop around poll(2), which takes a small share of what an event loop
/// with a task for each connection takes where thousands of requests a second pass.
final class RelayThread: Sendable {
  private static let scratchSize = 65_536

  private let listener: CInt
  /// Both ends of a pipe: a byte ends the thread.
  private let wake: (read: CInt, write: CInt)
  private let route: Route
  private let thread = Mutex<pthread_t?>(nil)

  /// Listens and starts the thread; nil when the address can't be had.
  init?(_ address: String, _ port: Int, _ route: Route) {
    var ends: [CInt] = [-1, -1]
    guard let place = SocketPlace(address, port), let listener = place.listen() else { return nil }
    guard pipe(&ends) == 0 else {
      close(listener)
      return nil
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    self.listener = listener
    wake = (ends[0], ends[1])
    self.route = route
    var identifier = pthread_t()
    let context = Unmanaged.passRetained(self)
    let result = pthread_create(
      &identifier, nil,
      { context in
        guard let context else { return nil }
        // Balances passRetained: the thread owns it from here on.
        Unmanaged<RelayThread>.fromOpaque(context).takeRetainedValue().relay()
        return nil
      }, context.toOpaque())
    guard result == 0 else {
      context.release()
      return nil
    }
    thread.withLock { $0 = identifier }
  }

  deinit {
    for descriptor in [listener, wake.read, wake.write] { close(descriptor) }
  }

  /// Ends the listening and all connections. The loop blocks nowhere but where this wakes it.
  func stop() {
    let running = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    guard let running else { return }
    var byte: UInt8 = 0
    _ = write(wake.write, &byte, 1)
    pthread_join(running, nil)
  }

  // MARK: - On the thread

  private func relay() {
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.scratchSize, alignment: 16)
    var lines: [RelayLine] = []
    defer {
      for line in lines { line.hangUp() }
      scratch.deallocate()
    }
    // The pipe, the listener, and two for each line, in the lines' order.
    var polled = [wake.read, listener].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      guard poll(&polled, nfds_t(polled.count), -1) >= 0 else { continue }
      if polled[0].revents != 0 { return }
      // From the last to the first: the last one takes the place of one that goes.
      for index in lines.indices.reversed() {
        let place = 2 + 2 * index
        guard polled[place].revents != 0 || polled[place + 1].revents != 0 else { continue }
        if lines[index].copy(by: scratch) {
          polled[place] = lines[index].client
          polled[place + 1] = lines[index].server
        } else {
          lines[index].hangUp()
          lines.swapAt(index, lines.count - 1)
          lines.removeLast()
          polled.swapAt(place, polled.count - 2)
          polled.swapAt(place + 1, polled.count - 1)
          polled.removeLast(2)
        }
      }
      if polled[1].revents != 0 {
        while let line = accept() {
          lines.append(line)
          polled += [line.client, line.server]
        }
      }
    }
  }

  /// Takes the next client that waits and calls a server for it; nil when none waits.
  private func accept() -> RelayLine? {
    while true {
      let client = clinux_accept(listener)
      guard client >= 0 else {
        // Whoever waits while there is no descriptor left is seen again a little later.
        if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(-client) { poll(nil, 0, 10) }
        return nil
      }
      if let target = route.next(),
        let server = SocketPlace(target.address, target.port)?.connect()
      {
        return RelayLine(client, server)
      }
      close(client)
    }
  }
}
