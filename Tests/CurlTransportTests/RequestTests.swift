import CurlTransport
import Testing
import WindlassCore
import WindlassWire

/// What goes out and what comes back.
struct RequestTests {
  let transport: CurlTransport

  init() throws { transport = try CurlTransport() }

  @Test func `a request says what it was told to and nothing about us`() async throws {
    let server = try RawServer { peer in
      while peer.request() != nil { peer.reply() }
    }
    defer { server.stop() }
    let request = HTTPRequest(
      url: server.url("/a%20b?c=d#e"),
      headers: [HTTPHeader("X-One", "1"), HTTPHeader("X-Empty", "")])
    _ = try await transport.send(request, limits: .test())
    let expected = [
      "GET /a%20b?c=d HTTP/1.1", "Host: 127.0.0.1:\(server.port)", "User-Agent: windlass",
      "Accept: */*", "X-One: 1", "X-Empty:",
    ]
    #expect(server.requests.last?.split(separator: "\r\n").map(String.init) == expected)
  }

  @Test func `methods and bodies are sent as they are`() async throws {
    let server = try RawServer { peer in
      while let request = peer.request() {
        let lengths = request.split(separator: "\r\n").filter { $0.hasPrefix("Content-Length: ") }
        let count = lengths.first.flatMap { Int($0.dropFirst(16)) } ?? 0
        peer.reply(body: request.hasPrefix("HEAD") ? [] : peer.body(count: count))
      }
    }
    defer { server.stop() }
    let body = Array("a\0b\r\n\r\nc".utf8)
    for method in ["POST", "PUT", "PATCH", "DELETE", "GET", "REPORT"] {
      let request = HTTPRequest(method: method, url: server.url(), body: body)
      let reply = try await transport.send(request, limits: .test())
      #expect(reply.body == body, "\(method)")
      #expect(server.requests.last?.hasPrefix("\(method) / ") == true)
      #expect(server.requests.last?.contains("Content-Type") == false)
    }
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
      let request = HTTPRequest(method: method, url: server.url())
      #expect(try await transport.send(request, limits: .test()).status == 200, "\(method)")
      #expect(server.requests.last?.hasPrefix("\(method) / ") == true)
    }
  }

  @Test func `a large body is sent whole`() async throws {
    let server = try RawServer { peer in
      while peer.request() != nil {
        let count = peer.body(count: 3_000_000).count
        peer.reply(body: Array("\(count)".utf8))
      }
    }
    defer { server.stop() }
    let request = HTTPRequest(
      method: "POST", url: server.url(), headers: [HTTPHeader("Content-Type", "text/plain")],
      body: [UInt8](repeating: 1, count: 3_000_000))
    let reply = try await transport.send(request, limits: .test())
    #expect(reply.body == Array("3000000".utf8))
  }

  @Test func `the reply to a HEAD request has a length and no body`() async throws {
    let server = try RawServer { peer in
      while peer.request() != nil { peer.send("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n") }
    }
    defer { server.stop() }
    let reply = try await transport.send(
      HTTPRequest(method: "HEAD", url: server.url()), limits: .test(10))
    #expect(reply.header("CONTENT-LENGTH") == "999999")
    #expect(reply.body == [])
  }

  @Test func `an entity tag passes in both directions`() async throws {
    let server = try RawServer { peer in
      while let request = peer.request() {
        let isKnown = request.contains("If-None-Match: \"1\"\r\n")
        if isKnown {
          peer.send("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n")
        } else {
          peer.reply(headers: ["ETag: \"1\""], body: [1])
        }
      }
    }
    defer { server.stop() }
    var request = HTTPRequest(url: server.url())
    let first = try await transport.send(request, limits: .test())
    #expect(first.status == 200)
    request.headers = [HTTPHeader("If-None-Match", try #require(first.header("etag")))]
    let second = try await transport.send(request, limits: .test(redirectsMax: 3))
    #expect(second == HTTPResponse(status: 304, headers: [HTTPHeader("ETag", "\"1\"")]))
    #expect(server.accepts == 1)
  }

  @Test func `a sink that throws ends the transfer`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send("HTTP/1.1 200 OK\r\n\r\n")
      while peer.send([UInt8](repeating: 1, count: 10_000)) {}
    }
    defer { server.stop() }
    let failure = await #expect(throws: HTTPError.self) {
      _ = try await transport.stream(HTTPRequest(url: server.url()), limits: .test()) { _ in
        throw TestFailure(step: "the disk is full")
      }
    }
    #expect(failure?.code == .sinkFailed)
    #expect(failure?.message.contains("the disk is full") == true)
    let closed = await eventually { server.openConnections == 0 }
    #expect(closed)
  }

  @Test(
    arguments: [
      ("", .badURL), ("example.org/x", .badURL), ("//example.org", .badURL), ("http://", .badURL),
      ("http://a b/", .badURL), ("http://user@127.0.0.1/", .badURL),
      ("https://u:p@127.0.0.1/", .badURL), ("http://127.0.0.1:0x50/", .badURL),
      ("http://127.0.0.1\0.example.org/", .badURL), ("http://127.0.0.1/\r\nX: y", .badURL),
      ("file:///etc/hostname", .schemeRefused), ("ftp://127.0.0.1/", .schemeRefused),
      ("unix:///run/x.sock", .schemeRefused), ("ws://127.0.0.1/", .schemeRefused),
    ] as [(String, HTTPError.Code)])
  func `a URL that can't be meant is refused`(url: String, code: HTTPError.Code) async {
    #expect(await transport.failure(of: url)?.code == code)
  }

  @Test func `a refused URL is named without its secrets`() async {
    for url in [
      "http://user:hunter2@127.0.0.1/", "ftp://user:hunter2@127.0.0.1/", "x://y?token=hunter2",
    ] {
      #expect(await transport.failure(of: url)?.message.contains("hunter2") == false)
    }
    let failure = await transport.failure(of: "http://127.0.0.1:1/path?token=hunter2")
    #expect(failure?.code == .unreachable)
    #expect(failure?.message.contains("GET http://127.0.0.1:1/path failed") == true)
    #expect(failure?.message.contains("hunter2") == false)
  }

  @Test(arguments: [
    HTTPRequest(method: "GET /x HTTP/1.1\r\nX:", url: "http://127.0.0.1:1/"),
    HTTPRequest(method: "", url: "http://127.0.0.1:1/"),
    HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("X", "a\r\nY: b")]),
    HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("X", "a\0b")]),
    HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("X: y\r\nZ", "a")]),
    HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("", "a")]),
    HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("Content-Length", "1")]),
    HTTPRequest(url: "http://127.0.0.1:1/", headers: [HTTPHeader("transfer-encoding", "x")]),
  ])
  func `a request that would smuggle lines is refused`(request: HTTPRequest) async {
    #expect(await transport.failure(of: request)?.code == .other)
  }

  @Test func `a name that does not exist is an error of its own`() async {
    // No label may be that long, so the resolver asks nobody.
    let label = String(repeating: "a", count: 64)
    let failure = await transport.failure(of: "http://\(label).invalid/")
    #expect(failure?.code == .unresolved)
  }
}
