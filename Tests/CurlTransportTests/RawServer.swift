import Glibc
import Synchronization

/// A server of plain sockets on this machine that answers each connection by a script, and so can
/// be as slow, endless or wrong as a test wants.
final class RawServer: Sendable {
  /// The port it listens on.
  let port: UInt16
  private let host: String
  private let listener: Int32
  private let script: @Sendable (Peer) -> Void

  private struct State {
    var accepts = 0
    var requests: [String] = []
    var open: Set<Int32> = []
    var isStopped = false
  }
  private let state = Mutex(State())

  /// Starts listening on a free port; every connection gets a thread that runs the script.
  init(on host: String = "127.0.0.1", _ script: @escaping @Sendable (Peer) -> Void) throws {
    self.host = host
    self.script = script
    signal(SIGPIPE, SIG_IGN)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    try check(inet_pton(AF_INET, host, &address.sin_addr) == 1, "inet_pton")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 1_024) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    try check(code, "bind")
    port = UInt16(bigEndian: address.sin_port)
    self.listener = listener
    try startThread { self.acceptAll() }
  }

  /// A URL of this server.
  func url(_ path: String = "/", scheme: String = "http") -> String {
    "\(scheme)://\(host):\(port)\(path)"
  }

  /// Connections accepted so far.
  var accepts: Int { state.withLock { $0.accepts } }

  /// The heads of the requests read so far.
  var requests: [String] { state.withLock { $0.requests } }

  /// Connections whose script has not ended.
  var openConnections: Int { state.withLock { $0.open.count } }

  /// Closes everything; the threads end by themselves.
  func stop() {
    state.withLock { state in
      state.isStopped = true
      for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func acceptAll() {
    while true {
      let descriptor = accept(listener, nil, nil)
      guard descriptor >= 0 else { break }
      let isWelcome = state.withLock { state in
        guard !state.isStopped else { return false }
        state.accepts += 1
        state.open.insert(descriptor)
        return true
      }
      let peer = Peer(descriptor: descriptor) { request in
        self.state.withLock { $0.requests.append(request) }
      }
      guard isWelcome, (try? startThread { self.serve(peer) }) != nil else {
        close(descriptor)
        continue
      }
    }
    close(listener)
  }

  private func serve(_ peer: Peer) {
    script(peer)
    state.withLock { _ = $0.open.remove(peer.descriptor) }
    close(peer.descriptor)
  }
}

/// One accepted connection.
struct Peer: Sendable {
  let descriptor: Int32
  let note: @Sendable (String) -> Void

  /// Reads up to the end of a request's head; nil when the peer has closed. Bodies are not read.
  func request() -> String? {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard recv(descriptor, &byte, 1, 0) == 1, head.count < 1_000_000 else { return nil }
      head.append(byte)
    }
    let text = String(decoding: head, as: UTF8.self)
    note(text)
    return text
  }

  /// Reads that many bytes of a body.
  func body(count: Int) -> [UInt8] {
    // Receiving nothing would wait for something.
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: count)
    let received = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
    return Array(bytes.prefix(max(0, received)))
  }

  /// Sends all bytes; false when the peer has closed.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        buffer.baseAddress.map {
          Glibc.send(descriptor, $0 + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        } ?? -1
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// Sends a text; false when the peer has closed.
  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Answers one request with a whole reply.
  @discardableResult
  func reply(_ status: String = "200 OK", headers: [String] = [], body: [UInt8] = []) -> Bool {
    let lines = ["HTTP/1.1 \(status)"] + headers + ["Content-Length: \(body.count)", "", ""]
    return send(Array(lines.joined(separator: "\r\n").utf8) + body)
  }

  /// Waits that long, or until the peer closes; false when it has closed.
  func pause(milliseconds: Int32) -> Bool {
    var entry = pollfd(descriptor: descriptor)
    return poll(&entry, 1, milliseconds) == 0
  }

  /// Says nothing until the peer closes.
  func waitForClose() {
    while pause(milliseconds: 60_000) {}
  }

  /// Ends the connection with a reset instead of a regular close.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }
}

extension pollfd {
  /// Waits for the peer's end; `POLLRDHUP`, which needs a feature macro that Swift does not set.
  fileprivate init(descriptor: Int32) {
    self.init(fd: descriptor, events: 0x2000, revents: 0)
  }
}

/// A step of a test's own machinery that went wrong.
struct TestFailure: Error {
  let step: String
}

func check(_ isFine: Bool, _ step: String) throws {
  guard isFine else { throw TestFailure(step: "\(step): \(String(cString: strerror(errno)))") }
}

/// Starts a detached thread.
func startThread(_ body: @escaping @Sendable () -> Void) throws {
  let context = Unmanaged.passRetained(ThreadBody(run: body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
      return nil
    }, context.toOpaque())
  try check(code == 0, "pthread_create")
  pthread_detach(thread)
}

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Waits until the condition holds; false when it still does not after twenty seconds.
func eventually(_ condition: () -> Bool) async -> Bool {
  for _ in 0..<2_000 {
    if condition() { return true }
    try? await Task.sleep(for: .milliseconds(10))
  }
  return condition()
}
