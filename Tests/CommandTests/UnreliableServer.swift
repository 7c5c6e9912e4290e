import Glibc
import Synchronization

@testable import windlass

/// A server of the load's requests that misbehaves on purpose, and counts how often.
final class UnreliableServer: Sendable {
  /// What to do with one request.
  enum Conduct: Sendable {
    case answer
    /// Answer, and tell the client that the connection ends.
    case answerAndClose
    /// Answer, and close without having said so: the next request finds the connection closed.
    case answerAndVanish
    case closeSilently
    case cutReply
    case answerForAnother
    case answerWrongly
    case fail
  }

  private let descriptor: CInt
  let port: UInt16
  private let conduct: @Sendable (_ arrival: Int) -> Conduct
  private let arrivals = Atomic(0)
  private let connections = Mutex<[PlainThread]>([])
  private let acceptor = Mutex<PlainThread?>(nil)

  /// Listens on a free port; the conduct is asked for the number of each arrival, from 1.
  init(_ conduct: @escaping @Sendable (_ arrival: Int) -> Conduct) throws {
    self.conduct = conduct
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { [descriptor] in
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, size)
        _ = getsockname(descriptor, $0, &size)
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    listen(descriptor, 256)
    let thread = try PlainThread("acceptor") { self.acceptAll() }
    acceptor.withLock { $0 = thread }
  }

  /// Requests that arrived whole.
  var requests: Int { arrivals.load(ordering: .relaxed) }

  /// Stops to listen and waits for every connection to end.
  func stop() {
    shutdown(descriptor, CInt(SHUT_RDWR))
    acceptor.withLock { $0?.join() }
    for thread in connections.withLock({ $0 }) { thread.join() }
    close(descriptor)
  }

  private func acceptAll() {
    while true {
      let connection = accept(descriptor, nil, nil)
      guard connection >= 0 else { return }
      guard let thread = try? PlainThread("connection", { self.serve(connection) }) else { return }
      connections.withLock { $0.append(thread) }
    }
  }

  private func serve(_ connection: CInt) {
    defer { close(connection) }
    while let number = readRequest(connection) {
      let arrival = arrivals.wrappingAdd(1, ordering: .relaxed).newValue
      switch conduct(arrival) {
      case .answer: send(reply(number), connection)
      case .answerAndClose: return send(reply(number, closing: true), connection)
      case .answerAndVanish: return send(reply(number), connection)
      case .closeSilently: return
      case .cutReply: return send(String(reply(number).dropLast()), connection)
      case .answerForAnother: send(reply(number + 1), connection)
      case .answerWrongly: send(reply(number, variant: "harbour", key: "night-mode"), connection)
      case .fail: send(reply(number, status: "500 Internal Server Error"), connection)
      }
    }
  }

  /// Reads a head and its body; nil when the client has gone.
  private func readRequest(_ connection: CInt) -> Int? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    var wanted: Int?
    var number = 0
    while wanted.map({ bytes.count < $0 }) ?? true {
      let count = recv(connection, &chunk, chunk.count, 0)
      guard count > 0 else { return nil }
      bytes += chunk[..<count]
      guard wanted == nil, let end = bytes.firstIndex(ofSequence: Array("\r\n\r\n".utf8)) else {
        continue
      }
      let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
      let field = { (name: String) in
        lines.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) }
      }
      number = field("X-Request-ID: ") ?? 0
      wanted = end + 4 + (field("Content-Length: ") ?? 0)
    }
    return number
  }

  private func reply(
    _ number: Int, status: String = "200 OK", variant: String = "sunrise",
    key: String = "welcome-banner", closing: Bool = false
  ) -> String {
    let body = """
      {"requestID":"\(number)","variantKey":"\(variant)","key":"\(key)",\
      "rolloutPercent":100}
      """
    return """
      HTTP/1.1 \(status)\r\nX-Request-ID: \(number)\r\nServer: test/1\r\n\
      \(closing ? "Connection: close\r\n" : "")Content-Length: \(body.utf8.count)\r\n\r\n\(body)
      """
  }

  private func send(_ text: String, _ connection: CInt) {
    var text = text
    text.withUTF8 {
      _ = Glibc.send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
    }
  }
}
