import CurlTransport
import Glibc
import Synchronization
import Testing
import WindlassCore
import WindlassWire

/// Bodies and headers that never end, lie about themselves or end too early.
struct LimitTests {
  let transport: CurlTransport

  init() throws { transport = try CurlTransport() }

  @Test func `an endless chunked body is cut off at the cap`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      let chunk = Array("4000\r\n".utf8) + [UInt8](repeating: 0x61, count: 0x4000) + [13, 10]
      while peer.send(chunk) {}
    }
    defer { server.stop() }
    let received = Mutex(0)
    let failure = await #expect(throws: HTTPError.self) {
      _ = try await transport.stream(HTTPRequest(url: server.url()), limits: .test(1_048_576)) {
        piece in received.withLock { $0 += piece.count }
      }
    }
    #expect(failure?.code == .tooLarge)
    #expect(received.withLock { $0 } <= 1_048_576)
    let closed = await eventually { server.openConnections == 0 }
    #expect(closed)
  }

  @Test(arguments: ["gzip", "deflate", "br", "zstd", "x-unknown"])
  func `an encoded body arrives as it was sent`(encoding: String) async throws {
    let bomb = gzipBomb(expandedSize: 16_777_216)
    let server = try RawServer { peer in
      _ = peer.request()
      peer.reply(headers: ["Content-Encoding: \(encoding)"], body: bomb)
    }
    defer { server.stop() }
    let reply = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
    #expect(reply.body == bomb)
    #expect(reply.header("content-encoding") == encoding)
    #expect(server.requests.allSatisfy { !$0.lowercased().contains("accept-encoding") })
  }

  @Test func `a compressed transfer encoding is refused`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
    }
    defer { server.stop() }
    let failure = await transport.failure(of: server.url())
    #expect(failure?.code == .other)
    #expect(failure?.message.contains("transfer encoding") == true)
  }

  @Test(arguments: ["HTTP/1.1 200 OK\r\n", ""])
  func `a flood of headers is cut off`(start: String) async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send(start)
      let interim = "HTTP/1.1 100 Continue\r\n\r\n"
      while peer.send(start.isEmpty ? interim : "X-Flood: aaaaaaaaaaaaaaaaaaaa\r\n") {}
    }
    defer { server.stop() }
    #expect(await transport.failure(of: server.url())?.code == .headersTooLarge)
  }

  @Test func `one endless header line is cut off`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 200 OK\r\nX-Long: ")
      while peer.send(String(repeating: "a", count: 1_000)) {}
    }
    defer { server.stop() }
    #expect(await transport.failure(of: server.url())?.code == .headersTooLarge)
  }

  @Test func `a flood of trailers is cut off`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
      while peer.send("X-Flood: aaaaaaaaaaaaaaaaaaaa\r\n") {}
    }
    defer { server.stop() }
    #expect(await transport.failure(of: server.url())?.code == .headersTooLarge)
  }

  @Test func `interim replies, folded lines and trailers leave the headers right`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
      peer.send("HTTP/1.1 200 OK\r\nETag:  \"1\" \r\nX-Two: a\r\nX-Two: b\r\nX-Fold: c\r\n d\r\n")
      peer.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nETag: \"2\"\r\n\r\n")
    }
    defer { server.stop() }
    let reply = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
    let expected = HTTPResponse(
      status: 200,
      headers: [
        HTTPHeader("ETag", "\"1\""), HTTPHeader("X-Two", "a"), HTTPHeader("X-Two", "b"),
        HTTPHeader("X-Fold", "c d"), HTTPHeader("Transfer-Encoding", "chunked"),
      ], body: Array("abc".utf8))
    #expect(reply == expected)
  }

  @Test func `a body shorter than announced is an error wherever it ends`() async throws {
    let body = Array("{\"serial\": 42}".utf8)
    let server = try RawServer { peer in
      guard let request = peer.request() else { return }
      let path = request.split(separator: " ")[1]
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
      peer.send(Array(body.prefix(Int(path.dropFirst()) ?? 0)))
    }
    defer { server.stop() }
    for end in 0..<body.count {
      let failure = await transport.failure(of: server.url("/\(end)"))
      #expect(failure?.code == .truncated, "cut after \(end) bytes")
    }
    let whole = try await transport.send(
      HTTPRequest(url: server.url("/\(body.count)")), limits: .test())
    #expect(whole.body == body)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "",
  ])
  func `a reply that ends inside itself is an error`(text: String) async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send(text)
    }
    defer { server.stop() }
    #expect(await transport.failure(of: server.url())?.code == .truncated)
  }

  @Test func `a reset in the middle of a body is an error`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      peer.reset()
    }
    defer { server.stop() }
    #expect(await transport.failure(of: server.url())?.code == .truncated)
  }

  // HTTP can't tell such a body from a whole one; the signature over the manifest does.
  @Test func `a body without a length ends with its connection`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.0 200 OK\r\n\r\n{\"serial\":")
    }
    defer { server.stop() }
    let reply = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
    #expect(String(decoding: reply.body, as: UTF8.self) == "{\"serial\":")
  }

  @Test(arguments: ["SSH-2.0-OpenSSH_9.2\r\n", "hello\r\n\r\n", "\0\0\0\0"])
  func `what is no HTTP is an error`(text: String) async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send(text)
    }
    defer { server.stop() }
    #expect(await transport.failure(of: server.url()) != nil)
  }
}

/// Memory, measured in processes of their own.
struct MemoryTests {
  @Test func `an endless body and a bomb cost at most four megabytes of memory`() async {
    await #expect(processExitsWith: .success) {
      let largest = Mutex(0)
      let server = try RawServer { peer in
        guard let request = peer.request() else { return }
        if request.hasPrefix("GET /bomb") {
          peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
          peer.send(Array(gzipBomb(expandedSize: 4_096).dropLast(10)))
          let more = [UInt8](repeating: 0b1010_0011, count: 16_384)
          while peer.send(more) { largest.withLock { $0 = max($0, residentSize()) } }
        } else if request.hasPrefix("GET /endless") {
          peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
          let chunk = Array("4000\r\n".utf8) + [UInt8](repeating: 0x61, count: 0x4000) + [13, 10]
          while peer.send(chunk) { largest.withLock { $0 = max($0, residentSize()) } }
        } else {
          peer.reply(body: [1])
        }
      }
      let transport = try CurlTransport()
      _ = try await transport.send(HTTPRequest(url: server.url("/warm")), limits: .test())
      for path in ["/endless", "/bomb"] {
        let before = residentSize()
        largest.withLock { $0 = before }
        let failure = await transport.failure(of: server.url(path), limits: .test(1_048_576))
        #expect(failure?.code == .tooLarge)
        let growth = max(largest.withLock { $0 }, residentSize()) - before
        #expect(before > 0 && growth <= 4 * 1_048_576, "\(path) took \(growth) bytes")
      }
    }
  }
}
