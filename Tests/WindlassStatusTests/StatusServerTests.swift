import NIOCore
import Testing
import WindlassCore

@testable import WindlassStatus

/// The server, asked over loopback; one after the other, since a port that one test gives up may be
/// given to the next at once.
@Suite(.serialized) struct StatusServerTests {
  /// A daemon that lives and is not ready.
  private struct Daemon: StatusSource {
    /// What liveness waits for; nil for nothing.
    var gate: AsyncStream<Void>?

    func liveness() async -> HealthReport {
      if let gate { for await _ in gate {} }
      return HealthReport([HealthReport.Check("election")])
    }

    func readiness() async -> HealthReport {
      HealthReport([HealthReport.Check("caches", trouble: "are empty")])
    }

    func metrics() async -> [MetricFamily] { [.gauge("windlass_leader", "Leads.", 1)] }

    /// Open to 1.1.0 of one service; the body says what was understood.
    func gate(_ question: GateQuestion) async -> GateAnswer {
      let isOpen = question.subject == .version(Version(1, 1, 0)) && question.kind == .start
      let subject =
        switch question.subject {
        case .version(let version): "\(version)"
        case .template: "the template's"
        }
      return GateAnswer(
        status: isOpen ? 200 : 403,
        body: "\(question.kind) \(question.namespace)/\(question.service) \(subject)\n")
    }
  }

  private static let anywhere = "127.0.0.1:0"

  private static func serve(
    _ daemon: Daemon = Daemon(), limits: ServingLimits = .usual,
    _ body: @Sendable (Int) async throws -> Void
  ) async throws {
    let address = try #require(ListenAddress(anywhere))
    try await StatusServer.serve(daemon, at: address, limits: limits) { port in
      try await body(port)
    }
  }

  @Test func `each page is what its source says`() async throws {
    try await Self.serve { port in
      let live = try await RawClient.get("/livez", port)
      #expect(live.status == "HTTP/1.1 200 OK")
      #expect(live.body == "[+]election ok\nok\n")
      let ready = try await RawClient.get("/readyz?verbose", port)
      #expect(ready.status == "HTTP/1.1 503 Service Unavailable")
      #expect(ready.body == "[-]caches are empty\nfailed\n")
      let metrics = try await RawClient.get("/metrics", port)
      #expect(metrics.status == "HTTP/1.1 200 OK")
      #expect(
        metrics.headers.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
      #expect(metrics.headers.contains("Content-Length: \(metrics.body.utf8.count)"))
      #expect(metrics.body.hasSuffix("\nwindlass_leader 1\n"))
    }
  }

  @Test func `to ask for the head alone gets the head alone`() async throws {
    try await Self.serve { port in
      let whole = try await RawClient.get("/metrics", port)
      let head = try await RawClient.get("/metrics", port, method: "HEAD")
      #expect(head.status == whole.status)
      #expect(head.headers == whole.headers)
      #expect(head.body.isEmpty)
    }
  }

  @Test(arguments: ["/", "/healthz", "/metrics/", "/livez%2f", "//livez", "http://x/livez", "*"])
  func `there is nothing else`(path: String) async throws {
    try await Self.serve { port in
      let reply = try await RawClient.get(path, port)
      #expect(reply.status == "HTTP/1.1 404 Not Found")
      #expect(reply.body == "There is nothing here but /livez, /readyz, /metrics and /gate.\n")
    }
  }

  @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS"])
  func `a method that changes something is refused`(method: String) async throws {
    try await Self.serve { port in
      let reply = try await RawClient.get("/metrics", port, method: method)
      #expect(reply.status == "HTTP/1.1 405 Method Not Allowed")
      #expect(reply.headers.contains("Allow: GET, HEAD"))
    }
  }

  @Test(arguments: [
    ("/gate/shop/web?version=1.1.0", "200 OK", "start shop/web 1.1.0\n"),
    ("/gate/shop/web?now=1&version=1%2E1.0", "200 OK", "start shop/web 1.1.0\n"),
    ("/gate/shop/web?version=1.0.0%2Bb1", "403 Forbidden", "start shop/web 1.0.0+b1\n"),
    ("/gate/shop/web?version=template", "403 Forbidden", "start shop/web the template's\n"),
    ("/gate/shop/web/rollback?version=1.1.0", "403 Forbidden", "rollback shop/web 1.1.0\n"),
  ])
  func `the gate is asked by whatever method a tool knows`(
    path: String, status: String, body: String
  ) async throws {
    try await Self.serve { port in
      let reply = try await RawClient.get(path, port)
      #expect(reply.status == "HTTP/1.1 \(status)")
      #expect(reply.headers.contains("Content-Type: application/json"))
      #expect(reply.body == body)
      let sent = #"{"name":"web","namespace":"shop","phase":"Progressing"}"#
      let text = try await RawClient.send(
        "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Content-Length: \(sent.utf8.count)\r\n\r\n", sent, to: port)
      #expect(RawReply(text).status == reply.status)
      #expect(RawReply(text).body == body)
      let head = try await RawClient.get(path, port, method: "HEAD")
      #expect(head.status == reply.status)
      #expect(head.body.isEmpty)
      let put = try await RawClient.get(path, port, method: "PUT")
      #expect(put.status == "HTTP/1.1 405 Method Not Allowed")
      #expect(put.headers.contains("Allow: GET, HEAD, POST"))
    }
  }

  @Test(arguments: [
    ("/gate/", "404 Not Found"), ("/gate/shop", "404 Not Found"),
    ("/gate/shop/?version=1.1.0", "404 Not Found"),
    ("/gate/shop/web/rollout?version=1.1.0", "404 Not Found"),
    ("/gate/shop/web/rollback/?version=1.1.0", "404 Not Found"),
    ("/gate/shop/..%2Fweb?version=1.1.0", "404 Not Found"),
    ("/gate/Shop/web?version=1.1.0", "404 Not Found"),
    ("/gate/shop/web", "400 Bad Request"), ("/gate/shop/web?", "400 Bad Request"),
    ("/gate/shop/web?version", "400 Bad Request"), ("/gate/shop/web?version=", "400 Bad Request"),
    ("/gate/shop/web?version=newest", "400 Bad Request"),
    ("/gate/shop/web?version=1.1.0&version=1.0.0", "400 Bad Request"),
    ("/gate/shop/web?version=1.1.0%", "400 Bad Request"),
    ("/gate/shop/web?version=1.1.0%zz", "400 Bad Request"),
    ("/gate/shop/web?version=1.1.0%ff", "400 Bad Request"),
    ("/gate/shop/web?Version=1.1.0", "400 Bad Request"),
  ])
  func `what asks nothing of the gate finds it closed`(path: String, status: String)
    async throws
  {
    try await Self.serve { port in
      let reply = try await RawClient.get(path, port)
      #expect(reply.status == "HTTP/1.1 \(status)")
      #expect(reply.headers.contains("Content-Type: application/json"))
      #expect(reply.body.hasPrefix(#"{"open":false,"recalled":false,"#))
      #expect(reply.body.hasSuffix("\"}\n"))
    }
  }

  @Test func `a connection has one answer, and then its end`() async throws {
    try await Self.serve { port in
      let one = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
      let text = try await RawClient.send(one + one, one, to: port)
      #expect(text.split(separator: "HTTP/1.1 200 OK").count == 1, "\(text)")
      #expect(RawReply(text).headers.contains("Connection: close"))
    }
  }

  @Test func `what is no HTTP is told so`() async throws {
    try await Self.serve { port in
      let text = try await RawClient.send("hello\r\n\r\n", to: port)
      #expect(RawReply(text).status == "HTTP/1.1 400 Bad Request")
    }
  }

  @Test func `a head that is too large is refused, however it comes`() async throws {
    let limits = ServingLimits(
      connectionsMax: 4, requestSizeMax: 1_024, deadlineMilliseconds: 60_000)
    try await Self.serve(limits: limits) { port in
      let start = "GET /livez HTTP/1.1\r\nHost: x\r\n"
      let line = "X: \(String(repeating: "x", count: 600))\r\n"
      let fits = try await RawClient.send(start + line + "\r\n", to: port)
      #expect(RawReply(fits).status == "HTTP/1.1 200 OK")
      for pieces in [[start + line + line + "\r\n"], [start, line, line]] {
        let text = try await RawClient.send(pieces.joined(), to: port)
        #expect(RawReply(text).status == "HTTP/1.1 431 Request Header Fields Too Large")
      }
      // Without an end of its first line, so that nobody can find fault with that before.
      let part = String(repeating: "x", count: 600)
      let endless = try await RawClient.send("GET /", part, part, part, to: port)
      #expect(RawReply(endless).status == "HTTP/1.1 431 Request Header Fields Too Large")
    }
  }

  @Test func `a client that does not come to its point is cut off`() async throws {
    let limits = ServingLimits(
      connectionsMax: 4, requestSizeMax: 1_024, deadlineMilliseconds: 100)
    try await Self.serve(limits: limits) { port in
      let half = try await RawClient.send("GET /livez HTTP/1.1\r\nHost:", to: port)
      #expect(half.isEmpty)
      let nothing = try await RawClient.send(to: port)
      #expect(nothing.isEmpty)
    }
  }

  @Test func `a daemon that is stuck is seen by no answer coming`() async throws {
    let limits = ServingLimits(
      connectionsMax: 4, requestSizeMax: 1_024, deadlineMilliseconds: 100)
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    try await Self.serve(Daemon(gate: gate), limits: limits) { port in
      let reply = try await RawClient.get("/livez", port)
      #expect(reply.status.isEmpty)
    }
    opener.finish()
  }

  @Test func `there are so many connections at a time, and a new one when one ends`() async throws {
    let limits = ServingLimits(
      connectionsMax: 1, requestSizeMax: 1_024, deadlineMilliseconds: 60_000)
    try await Self.serve(limits: limits) { port in
      let first = try await RawClient.connect(to: port)
      #expect(try await RawClient.get("/livez", port).status.isEmpty)
      try await first.close()
      // The server hears of it a moment later.
      var reply = try await RawClient.get("/livez", port)
      for _ in 0..<1_000 where reply.status.isEmpty {
        try await Task.sleep(for: .milliseconds(5))
        reply = try await RawClient.get("/livez", port)
      }
      #expect(reply.status == "HTTP/1.1 200 OK")
    }
  }

  @Test func `an address that is taken is told before anything is begun`() async throws {
    try await Self.serve { port in
      let taken = try #require(ListenAddress("127.0.0.1:\(port)"))
      let failure = await #expect(throws: ListenFailure.self) {
        try await StatusServer.serve(Daemon(), at: taken) { (_: Int) async throws -> Void in
          Issue.record("begun")
        }
      }
      #expect(
        failure?.description
          == "127.0.0.1:\(port) is taken: another process listens there")
    }
  }

  @Test func `what the work throws comes through, and the port is free again`() async throws {
    struct Failure: Error {}
    let address = try #require(ListenAddress(Self.anywhere))
    var used = 0
    do {
      try await StatusServer.serve(Daemon(), at: address) { (port: Int) async throws -> Void in
        used = port
        throw Failure()
      }
      Issue.record("nothing was thrown")
    } catch is Failure {}
    let again = try #require(ListenAddress("127.0.0.1:\(used)"))
    let port = try await StatusServer.serve(Daemon(), at: again) { $0 }
    #expect(port == used)
  }

  @Test func `all addresses are listened on by both versions, where the machine has both`()
    async throws
  {
    let address = try #require(ListenAddress(":0"))
    try await StatusServer.serve(Daemon(), at: address) { port in
      let reply = try await RawClient.get("/livez", port)
      #expect(reply.status == "HTTP/1.1 200 OK")
    }
  }
}
