import Glibc

/// Why an exchange ended without a whole reply.
struct ExchangeFailure: Error, Hashable {
  /// What happened, as the end of a sentence.
  var reason: String
  /// Whether the connection was closed before any byte of a reply.
  var isSilentClose = false
}

/// One client connection, with blocking calls that a deadline bounds; it belongs to one thread.
final class LoadConnection {
  private let descriptor: CInt
  private var buffer: [UInt8] = []
  /// Replies read so far; a connection with some is a reused one.
  private(set) var replies = 0

  /// Connects to `127.0.0.1` and the port.
  ///
  /// - Parameter timeout: seconds that one wait may take.
  init(port: UInt16, timeout: Int) throws(ExchangeFailure) {
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    descriptor = socket(AF_INET, type, 0)
    guard descriptor >= 0 else { throw LoadConnection.failure("no socket") }
    var limit = timeval(tv_sec: timeout, tv_usec: 0)
    var isOn: CInt = 1
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    setsockopt(
      descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<CInt>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    // Everything is set by now, so that the end of this object closes it in any case.
    guard code == 0 else { throw LoadConnection.failure("the connection failed") }
  }

  deinit { close(descriptor) }

  /// Sends the request and reads its reply.
  func exchange(_ request: LoadRequest) throws(ExchangeFailure) -> LoadReply {
    try send(request.start[...])
    for piece in request.pieces {
      LoadClock.sleep(until: LoadClock.now() + request.pause)
      try send(piece)
    }
    let reply = try receive()
    replies += 1
    return reply
  }

  private func send(_ bytes: ArraySlice<UInt8>) throws(ExchangeFailure) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let isClosed = errno == EPIPE || errno == ECONNRESET
        throw LoadConnection.failure("the request could not be sent", isSilentClose: isClosed)
      }
      rest = rest.dropFirst(count)
    }
  }

  private func receive() throws(ExchangeFailure) -> LoadReply {
    buffer.removeAll(keepingCapacity: true)
    let blank = Array("\r\n\r\n".utf8)
    var headEnd = buffer.firstIndex(ofSequence: blank)
    while headEnd == nil {
      guard buffer.count < 65_536 else { throw ExchangeFailure(reason: "the head never ends") }
      try receiveMore()
      headEnd = buffer.firstIndex(ofSequence: blank)
    }
    guard let headEnd, var reply = LoadReply(head: buffer[..<headEnd]) else {
      throw ExchangeFailure(reason: "the reply is no HTTP with a length")
    }
    let start = headEnd + blank.count
    while buffer.count < start + reply.length { try receiveMore() }
    guard buffer.count == start + reply.length else {
      throw ExchangeFailure(reason: "bytes that nobody asked for follow the reply")
    }
    reply.body = Array(buffer[start...])
    return reply
  }

  private func receiveMore() throws(ExchangeFailure) {
    var count = -1
    withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { space in
      repeat {
        count = recv(descriptor, space.baseAddress, space.count, 0)
      } while count < 0 && errno == EINTR
      if count > 0 { buffer.append(contentsOf: space.prefix(count)) }
    }
    let isClosed = count == 0 || errno == ECONNRESET
    if count < 0 {
      let what = errno == EAGAIN ? "no reply in time" : "the connection broke"
      throw LoadConnection.failure(
        "\(what) after \(buffer.count) bytes", isSilentClose: isClosed && buffer.isEmpty)
    }
    if count == 0 {
      throw ExchangeFailure(
        reason: "the connection was closed after \(buffer.count) bytes of the reply",
        isSilentClose: buffer.isEmpty)
    }
  }

  private static func failure(_ what: String, isSilentClose: Bool = false) -> ExchangeFailure {
    let code = errno
    return ExchangeFailure(
      reason: "\(what) (\(String(cString: strerror(code))))", isSilentClose: isSilentClose)
  }
}
