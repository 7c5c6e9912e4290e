import Glibc
import Testing

@testable import windlass

struct FileServerTests {
  /// Sends the text over one new connection, and returns everything that comes until it closes.
  private func converse(_ server: FileServer, _ text: String) throws -> String {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = server.port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let isConnected = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    try #require(isConnected)
    var text = text
    text.withUTF8 { _ = send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  @Test func `two requests on one connection are answered in turn`() throws {
    let server = try FileServer()
    defer { server.stop() }
    server.publish("/a", Array("alpha".utf8))
    let reply = try converse(
      server,
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(reply.contains("Content-Length: 5\r\n\r\nalphaHTTP/1.1 404 Not Found\r\n"))
  }

  @Test func `an entity tag that is still right saves the body`() throws {
    let server = try FileServer()
    defer { server.stop() }
    server.publish("/a", Array("alpha".utf8))
    let get = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    let tag = try #require(
      try converse(server, get + "\r\n").split(separator: "\r\n").first { $0.hasPrefix("ETag: ") }
    )
    .dropFirst("ETag: ".count)
    let again = get + "If-None-Match: \(tag)\r\n\r\n"
    #expect(try converse(server, again).hasPrefix("HTTP/1.1 304 Not Modified\r\n"))
    server.publish("/a", Array("omega".utf8))
    #expect(try converse(server, again).hasSuffix("\r\n\r\nomega"))
  }

  @Test func `a body larger than the socket's buffer arrives whole`() throws {
    let server = try FileServer()
    defer { server.stop() }
    let body = String(repeating: "0123456789abcdef", count: 1_000_000)
    server.publish("/large", Array(body.utf8))
    let reply = try converse(server, "GET /large HTTP/1.0\r\n\r\n")
    #expect(reply.utf8.count > body.utf8.count)
    #expect(reply.hasSuffix("\r\n\r\n" + body))
  }

  @Test func `anything but GET and HEAD is refused`() throws {
    let server = try FileServer()
    defer { server.stop() }
    let reply = try converse(server, "DELETE /a HTTP/1.0\r\n\r\n")
    #expect(reply.hasPrefix("HTTP/1.1 405 "))
  }
}
