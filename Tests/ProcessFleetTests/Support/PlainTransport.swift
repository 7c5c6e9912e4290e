import Dispatch
import Glibc
import WindlassCore
import WindlassWire

/// HTTP over a plain socket to 127.0.0.1, one connection a request.
struct PlainTransport: HTTPTransport {
  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    let result: Result<HTTPResponse, HTTPError> = await withCheckedContinuation { continuation in
      DispatchQueue(label: "request").async {
        continuation.resume(returning: PlainTransport.exchange(request, limits))
      }
    }
    return try result.get()
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    var response = try await send(request, limits: limits)
    let body = response.body
    response.body = []
    do {
      try body.withUnsafeBytes { try sink($0) }
    } catch {
      throw HTTPError(.sinkFailed, "the sink refused the body")
    }
    return response
  }

  private static func exchange(
    _ request: HTTPRequest, _ limits: HTTPLimits
  ) -> Result<HTTPResponse, HTTPError> {
    let rest = request.url.dropFirst("http://127.0.0.1:".count)
    guard let port = UInt16(rest.prefix { $0 != "/" }) else {
      return .failure(HTTPError(.badURL, "no port in \(request.url)"))
    }
    guard let client = PlainClient(port: port) else {
      return .failure(HTTPError(.unreachable, "\(request.url) refused the connection"))
    }
    client.send(request.method, String(rest.drop { $0 != "/" }))
    return client.receive(milliseconds: Int32(clamping: limits.deadline.milliseconds))
  }
}

/// One connection to 127.0.0.1.
final class PlainClient: Sendable {
  private let socket: Int32

  init?(port: UInt16) {
    let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    socket = Glibc.socket(AF_INET, flags, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let number = socket
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    // Everything is set by now, so that the end of this object closes it in any case.
    guard result == 0 else { return nil }
  }

  deinit { close(socket) }

  /// Sends a request without a body.
  func send(_ method: String, _ path: String) {
    let text = Array(
      "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    _ = Glibc.send(socket, text, text.count, Int32(MSG_NOSIGNAL))
  }

  /// Receives the whole reply.
  func receive(milliseconds: Int32 = 60_000) -> Result<HTTPResponse, HTTPError> {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, milliseconds) > 0 else {
        return .failure(HTTPError(.timedOut, "no reply in time"))
      }
      let count = read(socket, &buffer, buffer.count)
      if count < 0 { return .failure(HTTPError(.truncated, "the connection was reset")) }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let status = Int(text.dropFirst(9).prefix(3)),
      let length = parts[0].split(separator: "Content-Length: ").last.flatMap({
        Int($0.prefix { $0.isNumber })
      }), parts[1].utf8.count == length
    else { return .failure(HTTPError(.truncated, "the reply is not whole: \(text)")) }
    return .success(HTTPResponse(status: status, body: Array(parts[1].utf8)))
  }
}

/// A listener of 127.0.0.1 that accepts nothing.
final class LoopbackListener: Sendable {
  private let socket: Int32
  let port: UInt16

  /// Listens on the port; zero asks for any.
  init?(port: UInt16 = 0) {
    let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    socket = Glibc.socket(AF_INET, flags, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = socket
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, size) == 0 && listen(number, 8) == 0 && getsockname(number, $0, &size) == 0
      }
    }
    self.port = address.sin_port.bigEndian
    // Everything is set by now, so that the end of this object closes it in any case.
    guard result else { return nil }
  }

  deinit { close(socket) }
}
