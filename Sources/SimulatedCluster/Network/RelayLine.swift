import Glibc

/// One client's connection and the one that it is led on to, both non-blocking.
struct RelayLine {
  /// What is waited for of the client; nothing is where the descriptor is negative.
  private(set) var client: pollfd
  /// What is waited for of the server.
  private(set) var server: pollfd
  private var request: RelayFlow
  private var reply: RelayFlow

  /// Leads one connection on to the other, which may still be about to be made.
  init(_ client: CInt, _ server: CInt) {
    var isOn: CInt = 1
    for descriptor in [client, server] {
      // What comes in pieces goes on in pieces, at once.
      setsockopt(
        descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<CInt>.size))
    }
    request = RelayFlow(from: client, to: server)
    reply = RelayFlow(from: server, to: client)
    self.client = pollfd()
    self.server = pollfd()
    wait()
  }

  /// Copies what there is both ways; false when the connection is over or broken.
  mutating func copy(by scratch: UnsafeMutableRawBufferPointer) -> Bool {
    guard request.copy(by: scratch), reply.copy(by: scratch) else { return false }
    wait()
    return !(request.isOver && reply.isOver)
  }

  /// Closes both ends.
  func hangUp() {
    close(request.source)
    close(reply.source)
  }

  private mutating func wait() {
    client = Self.wait(request, reply)
    server = Self.wait(reply, request)
  }

  /// What is waited for of the end where one flow comes from and the other one goes to.
  private static func wait(_ from: RelayFlow, _ to: RelayFlow) -> pollfd {
    let events = (from.wantsBytes ? POLLIN : 0) | (to.wantsRoom ? POLLOUT : 0)
    return pollfd(fd: events == 0 ? -1 : from.source, events: Int16(events), revents: 0)
  }
}

/// One direction of a relayed connection.
struct RelayFlow {
  let source: CInt
  private let target: CInt
  /// What the target had no room for.
  private var rest: ArraySlice<UInt8> = []
  private var hasEnded = false
  /// Whether the target was told that nothing more comes.
  private(set) var isOver = false

  init(from source: CInt, to target: CInt) {
    self.source = source
    self.target = target
  }

  /// Whether more is read once it comes.
  var wantsBytes: Bool { rest.isEmpty && !hasEnded }

  /// Whether it is waited for that the target has room.
  var wantsRoom: Bool { !rest.isEmpty }

  /// Copies until there is nothing more, or no room; false when either end is broken.
  mutating func copy(by scratch: UnsafeMutableRawBufferPointer) -> Bool {
    if !rest.isEmpty {
      let sent = rest.withUnsafeBytes { Self.send($0, to: target) }
      guard let sent else { return false }
      rest = rest.dropFirst(sent)
    }
    while wantsBytes {
      let count = recv(source, scratch.baseAddress, scratch.count, 0)
      if count == 0 {
        hasEnded = true
      } else if count > 0 {
        let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
        guard let sent = Self.send(bytes, to: target) else { return false }
        if sent < count { rest = ArraySlice(bytes.dropFirst(sent)) }
        // A read that was not filled has taken all.
        if count < scratch.count { break }
      } else if errno == EAGAIN {
        break
      } else if errno != EINTR {
        return false
      }
    }
    if hasEnded, rest.isEmpty, !isOver {
      isOver = true
      // Where the connection is gone already, nobody is left to be told.
      shutdown(target, CInt(SHUT_WR))
    }
    return true
  }

  /// How many of the bytes went; nil when the connection is broken.
  private static func send(_ bytes: UnsafeRawBufferPointer, to target: CInt) -> Int? {
    var sent = 0
    while sent < bytes.count {
      let count = Glibc.send(
        target, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, CInt(MSG_NOSIGNAL))
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        return sent
      } else if errno != EINTR {
        return nil
      }
    }
    return sent
  }
}
