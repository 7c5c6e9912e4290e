import Testing
import WindlassCore
import WindlassWire

@testable import CurlTransport

/// Replies that lead elsewhere.
struct RedirectTests {
  let transport: CurlTransport

  init() throws { transport = try CurlTransport() }

  /// A server whose path `/to/X` redirects to the URL that `targets` has for X; others are answered
  /// with themselves.
  private func redirector(
    _ targets: [String: String], status: String = "302 Found"
  ) throws -> RawServer {
    try RawServer { peer in
      while let request = peer.request() {
        let path = request.split(separator: " ")[1]
        if path.hasPrefix("/to/"), let target = targets[String(path.dropFirst(4))] {
          peer.reply(status, headers: ["Location: \(target)"], body: Array("moved".utf8))
        } else {
          peer.reply(body: Array(path.utf8))
        }
      }
    }
  }

  @Test func `without leave a redirect is a reply like any other`() async throws {
    let server = try redirector(["a": "/b"])
    defer { server.stop() }
    let reply = try await transport.send(HTTPRequest(url: server.url("/to/a")), limits: .test())
    #expect(reply.status == 302)
    #expect(reply.header("location") == "/b")
    #expect(reply.body == Array("moved".utf8))
  }

  @Test(arguments: [
    ("/b", "/b"), ("b", "/to/b"), ("../c?x=1#part", "/c?x=1"), ("?q", "/to/a?q"),
    ("//HOST/d", "/d"),
    ("http://HOST/e/../f", "/f"),
  ])
  func `a location is resolved against the URL that sent it`(
    location: String, expected: String
  ) async throws {
    let target = try redirector([:])
    let server = try redirector(
      ["a": location.replacing("HOST", with: "127.0.0.1:\(target.port)")])
    defer {
      server.stop()
      target.stop()
    }
    let reply = try await transport.send(
      HTTPRequest(url: server.url("/to/a")), limits: .test(redirectsMax: 1))
    #expect(reply == HTTPResponse(status: 200, headers: reply.headers, body: Array(expected.utf8)))
  }

  @Test(arguments: ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
  func `every kind of redirect is followed for GET`(status: String) async throws {
    let server = try redirector(["a": "/b"], status: status)
    defer { server.stop() }
    let reply = try await transport.send(
      HTTPRequest(url: server.url("/to/a")), limits: .test(redirectsMax: 1))
    #expect(reply.body == Array("/b".utf8))
  }

  @Test(arguments: [
    "file:///etc/hostname", "ftp://127.0.0.1:1/", "gopher://127.0.0.1/", "dict://127.0.0.1:11211/",
    "scp://127.0.0.1/x", "FILE:///etc/passwd", "javascript://x", "data://x",
  ])
  func `a redirect to another scheme is refused`(target: String) async throws {
    let server = try redirector(["a": target])
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url("/to/a"), limits: .test(redirectsMax: 3))
    #expect(failure?.code == .schemeRefused)
  }

  @Test(arguments: [
    "http://user:hunter2@127.0.0.1/", "http://", "http://[::1", "http://a b/",
    "http://127.0.0.1:99999/", "http://127.0.0.1\u{1}/",
  ])
  func `a redirect to a strange URL is refused`(target: String) async throws {
    let server = try redirector(["a": target])
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url("/to/a"), limits: .test(redirectsMax: 3))
    #expect(failure?.code == .redirectRefused)
    #expect(failure?.message.contains("hunter2") == false)
  }

  @Test(arguments: [
    "http://10.0.0.1:9/", "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]:9/",
    "http://[::ffff:169.254.169.254]/", "http://2852039166/", "http://0.0.0.0:9/",
  ])
  func `a redirect into another inner network is refused`(target: String) async throws {
    let server = try redirector(["a": target])
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url("/to/a"), limits: .test(redirectsMax: 3))
    #expect(failure?.code == .addressRefused)
  }

  @Test func `a loop and a long chain end at the bound`() async throws {
    let chain = Dictionary(uniqueKeysWithValues: (0..<11).map { ("\($0)", "/to/\($0 + 1)") })
    let server = try redirector(chain.merging(["loop": "/to/loop"]) { $1 })
    defer { server.stop() }
    for path in ["/to/loop", "/to/0"] {
      let seen = server.requests.count
      let failure = await transport.failure(of: server.url(path), limits: .test(redirectsMax: 99))
      #expect(failure?.code == .tooManyRedirects)
      #expect(server.requests.count - seen == 1 + Bounds.redirectsMax)
    }
    let reply = try await transport.send(
      HTTPRequest(url: server.url("/to/8")), limits: .test(redirectsMax: 3))
    #expect(reply.body == Array("/to/11".utf8))
  }

  @Test func `only GET and HEAD without a body are sent again`() async throws {
    let server = try redirector(["a": "/b"])
    defer { server.stop() }
    for method in ["POST", "PUT", "DELETE"] {
      let failure = await transport.failure(
        of: HTTPRequest(method: method, url: server.url("/to/a")), limits: .test(redirectsMax: 3))
      #expect(failure?.code == .redirectRefused)
    }
    let body = await transport.failure(
      of: HTTPRequest(url: server.url("/to/a"), body: [1]), limits: .test(redirectsMax: 3))
    #expect(body?.code == .redirectRefused)
    let head = try await transport.send(
      HTTPRequest(method: "HEAD", url: server.url("/to/x")), limits: .test(redirectsMax: 3))
    #expect(head.status == 200)
  }

  @Test func `no credentials cross to another origin`() async throws {
    let target = try redirector([:])
    let server = try redirector(["here": "/b", "there": target.url("/c")])
    defer {
      server.stop()
      target.stop()
    }
    let headers = [
      "Accept", "Authorization", "Cookie", "Private-Token", "Host", "If-None-Match", "X-Api-Key",
    ].map { HTTPHeader($0, "value-of-\($0)") }
    func lines(at path: String) async throws -> [String] {
      let request = HTTPRequest(url: server.url(path), headers: headers)
      _ = try await transport.send(request, limits: .test(redirectsMax: 1))
      let last = (path == "/to/there" ? target : server).requests.last ?? ""
      return last.split(separator: "\r\n").filter { $0.contains("value-of-") }.map(String.init)
    }
    #expect(
      try await lines(at: "/to/here").sorted() == headers.map { "\($0.name): \($0.value)" }.sorted()
    )
    #expect(
      try await lines(at: "/to/there") == [
        "Accept: value-of-Accept", "If-None-Match: value-of-If-None-Match",
      ])
  }

  @Test func `the body of a redirect counts and goes to nobody`() async throws {
    let server = try redirector(["a": "/b"])
    defer { server.stop() }
    let request = HTTPRequest(url: server.url("/to/a"))
    let failure = await transport.failure(of: request, limits: .test(6, redirectsMax: 1))
    #expect(failure?.code == .tooLarge)
    let sink = Pieces()
    let reply = try await transport.stream(request, limits: .test(7, redirectsMax: 1)) {
      sink.append($0)
    }
    #expect(reply.status == 200)
    #expect(sink.bytes == Array("/b".utf8))
  }

  @Test func `https is never left for http`() throws {
    let url = try RequestURL("https://example.org/a")
    let request = HTTPRequest(url: url.text)
    func next(_ location: String) throws(HTTPError) -> String? {
      let reply = HTTPResponse(status: 302, headers: [HTTPHeader("Location", location)])
      return try RedirectRule.next(
        after: reply, to: request, at: url, hopsDone: 0, limits: .test(redirectsMax: 1))?.url.text
    }
    let failure = #expect(throws: HTTPError.self) { try next("http://example.org/a") }
    #expect(failure?.code == .redirectRefused)
    #expect(try next("https://example.com/b") == "https://example.com/b")
    #expect(try next("//example.com/b") == "https://example.com/b")
  }

  @Test func `a redirect to two places is refused`() async throws {
    let server = try RawServer { peer in
      while peer.request() != nil {
        peer.reply("302 Found", headers: ["Location: /a", "Location: /b"])
      }
    }
    defer { server.stop() }
    let failure = await transport.failure(of: server.url(), limits: .test(redirectsMax: 1))
    #expect(failure?.code == .redirectRefused)
  }
}
