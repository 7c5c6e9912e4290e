import Dispatch
import Glibc
import Synchronization
import Testing

/// Stands between a client and a server, counts what the client asks, and at one request kills the
/// client, or cuts or freezes its connection.
final class WireProxy: Sendable {
  /// When it strikes.
  enum Moment: CaseIterable, Sendable {
    /// The request does not reach the server.
    case beforeRequest
    /// The request reaches the server, and nobody waits for what comes of it.
    case whileRunning
    /// The server has done it, and its reply is swallowed. What follows the reply is the next
    /// request's first moment.
    case beforeReply
  }

  /// What it does.
  enum Action: Sendable {
    /// Kills the client.
    case kill
    /// Cuts the connection; the client lives.
    case cut
    /// Kills the client, and keeps the server from noticing until `thaw`.
    case killSilently
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    /// The number of the request, from 1, over all connections.
    var request: Int
    var moment: Moment
    var action: Action
    var testDescription: String { "\(action) \(moment) \(request)" }
  }

  private struct State {
    var requests: [String] = []
    var victim: pid_t?
    var hasStruck = false
    var frozen: [Int32] = []
    var isClosed = false
  }

  /// The socket by which clients reach it.
  let path: String
  private let server: String
  private let wire: WireFraming.Wire
  private let fault: Fault?
  private let listener: Int32
  private let state = Mutex(State())

  /// Listens on one socket, before a server that listens on another.
  init(
    _ wire: WireFraming.Wire, at path: String, before server: String, fault: Fault?
  ) throws {
    (self.wire, self.path, self.server, self.fault) = (wire, path, server, fault)
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let bound = Self.withAddress(path) { [listener] in bind(listener, $0, $1) }
    try #require(bound == 0 && listen(listener, 16) == 0, "\(path) can't be listened on")
    let queue = DispatchQueue(label: "test.wire-proxy", attributes: .concurrent)
    queue.async { [self] in accept(on: queue) }
  }

  /// The process that is killed; the proxy waits for it to be named.
  func aim(at victim: pid_t) { state.withLock { $0.victim = victim } }

  /// What clients have asked so far.
  var requests: [String] { state.withLock { $0.requests } }

  /// Whether the fault came about.
  var hasStruck: Bool { state.withLock { $0.hasStruck } }

  /// Lets the server notice that its client is gone.
  func thaw() {
    for descriptor in state.withLock({ state in
      defer { state.frozen = [] }
      return state.frozen
    }) { Glibc.close(descriptor) }
  }

  /// Stops taking connections.
  func close() {
    state.withLock { $0.isClosed = true }
    shutdown(listener, Int32(SHUT_RDWR))
    Glibc.close(listener)
    unlink(path)
    thaw()
  }

  private func accept(on queue: DispatchQueue) {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      guard client >= 0 else {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      _ = fcntl(client, F_SETFD, FD_CLOEXEC)
      let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      let connected = Self.withAddress(server) { connect(upstream, $0, $1) }
      guard connected == 0 else {
        Glibc.close(client)
        Glibc.close(upstream)
        continue
      }
      queue.async { [self] in
        let keepsUpstream = relay(client, upstream)
        Glibc.close(client)
        if keepsUpstream {
          state.withLock { $0.frozen.append(upstream) }
        } else {
          Glibc.close(upstream)
        }
      }
    }
  }

  /// Hands on what comes from either side until one of them ends or the fault comes.
  ///
  /// - Returns: whether the server must not notice yet.
  private func relay(_ client: Int32, _ upstream: Int32) -> Bool {
    var framing = WireFraming(wire)
    var replies = WireReplies()
    // Requests without a whole reply, of a client that asks ahead.
    var unanswered = 0
    // Replies that come before the one that is swallowed; nil when none is.
    var before: Int?
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      var entries = [
        pollfd(fd: client, events: Int16(POLLIN), revents: 0),
        pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) > 0 else { return false }
      if entries[1].revents != 0 {
        let count = read(upstream, &buffer, buffer.count)
        guard count > 0 else { return false }
        let ends = wire == .postgres ? replies.ends(in: buffer[..<count]) : []
        unanswered = max(0, unanswered - ends.count)
        if let others = before, others <= ends.count {
          let rest = others == 0 ? 0 : ends[others - 1]
          guard Self.send(buffer[..<rest], to: client) else { return false }
          // Nothing of the reply has come yet where all that came belongs to others.
          if rest < count { return strike() }
          before = 0
          continue
        }
        before = before.map { $0 - ends.count }
        guard Self.send(buffer[..<count], to: client) else { return false }
      }
      guard entries[0].revents != 0 else { continue }
      let count = read(client, &buffer, buffer.count)
      guard count > 0 else { return false }
      for piece in framing.take(buffer[..<count]) {
        let isStruck = piece.request.map(counts) ?? false
        if isStruck, fault?.moment == .beforeRequest { return strike() }
        guard Self.send(piece.bytes[...], to: upstream) else { return false }
        if isStruck, fault?.moment == .whileRunning { return strike() }
        if isStruck { before = unanswered }
        if wire == .postgres, piece.request != nil { unanswered += 1 }
      }
    }
  }

  /// Counts a request, and says whether it is the fault's.
  private func counts(_ request: String) -> Bool {
    state.withLock { state in
      state.requests.append(request)
      return state.requests.count == fault?.request
    }
  }

  private func strike() -> Bool {
    state.withLock { $0.hasStruck = true }
    guard let action = fault?.action, action != .cut else { return false }
    while state.withLock({ $0.victim == nil && !$0.isClosed }) { usleep(1_000) }
    if let victim = state.withLock({ $0.victim }) {
      Glibc.kill(victim, SIGKILL)
      // A connection must not end while its client lives: it could say something of it.
      var info = siginfo_t()
      waitid(P_PID, id_t(victim), &info, WEXITED | WNOWAIT)
    }
    return action == .killSilently
  }

  private static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
