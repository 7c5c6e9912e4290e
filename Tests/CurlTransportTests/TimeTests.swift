import CurlTransport
import Testing
import WindlassCore
import WindlassWire

/// Servers that are slow or silent, and callers that give up.
///
/// What is tested is that a transfer ends and how; nothing here measures time.
struct TimeTests {
  let transport: CurlTransport

  init() throws { transport = try CurlTransport() }

  /// A server that takes connections and never says a word.
  private func silentServer() throws -> RawServer {
    try RawServer { peer in
      _ = peer.request()
      peer.waitForClose()
    }
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])
  func `silence ends at the deadline`(beginning: String) async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send(beginning)
      peer.waitForClose()
    }
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url(), limits: .test(deadline: .milliseconds(200)))
    #expect(failure?.code == .timedOut)
    let closed = await eventually { server.openConnections == 0 }
    #expect(closed)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nX-Slow: ", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
  ])
  func `a byte now and then does not move the deadline`(beginning: String) async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.send(beginning)
      while peer.send("a"), peer.pause(milliseconds: 20) {}
    }
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url(), limits: .test(deadline: .milliseconds(300)))
    #expect(failure?.code == .timedOut)
  }

  @Test func `a stalled TLS handshake ends at the deadline`() async throws {
    let server = try RawServer { peer in peer.waitForClose() }
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url(scheme: "https"), limits: .test(deadline: .milliseconds(200)))
    #expect(failure?.code == .timedOut)
  }

  @Test func `the deadline counts over all hops`() async throws {
    let server = try RawServer { peer in
      while peer.request() != nil, peer.pause(milliseconds: 150) {
        peer.reply("302 Found", headers: ["Location: /"])
      }
    }
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url(), limits: .test(deadline: .milliseconds(400), redirectsMax: 3))
    #expect(failure?.code == .timedOut)
  }

  @Test func `silence longer than allowed ends before the deadline`() async throws {
    let server = try silentServer()
    defer { server.stop() }
    let failure = await transport.failure(
      of: server.url(), limits: .test(deadline: .hours(1), silenceMax: .seconds(1)))
    #expect(failure?.code == .timedOut)
  }

  @Test func `a cancelled task has its answer and the server its connection back`() async throws {
    let server = try silentServer()
    defer { server.stop() }
    let url = server.url()
    let task = Task { await transport.failure(of: url, limits: .test(deadline: .hours(1))) }
    let arrived = await eventually { server.requests.count == 1 }
    #expect(arrived)
    task.cancel()
    #expect(await task.value?.code == .cancelled)
    let closed = await eventually { server.openConnections == 0 }
    #expect(closed)
  }

  @Test func `silent servers delay nobody else`() async throws {
    let silent = try (0..<20).map { _ in try silentServer() }
    let lively = try RawServer { peer in
      while peer.request() != nil { peer.reply() }
    }
    defer { for server in silent + [lively] { server.stop() } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for url in silent.map({ $0.url() }) {
        group.addTask {
          _ = await transport.failure(of: url, limits: .test(deadline: .hours(1)))
        }
      }
      let arrived = await eventually { silent.allSatisfy { $0.requests.count == 1 } }
      #expect(arrived)
      for _ in 0..<20 {
        let reply = try await transport.send(HTTPRequest(url: lively.url()), limits: .test())
        #expect(reply.status == 200)
      }
      group.cancelAll()
    }
  }

  @Test func `who waits in line times out and can be cancelled there`() async throws {
    let server = try silentServer()
    defer { server.stop() }
    let url = server.url()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<Bounds.transfersPerHostMax {
        group.addTask {
          _ = await transport.failure(of: url, limits: .test(deadline: .hours(1)))
        }
      }
      let full = await eventually { server.requests.count == Bounds.transfersPerHostMax }
      #expect(full)
      let late = await transport.failure(of: url, limits: .test(deadline: .milliseconds(100)))
      #expect(late?.code == .timedOut)
      let waiting = Task { await transport.failure(of: url, limits: .test(deadline: .hours(1))) }
      waiting.cancel()
      #expect(await waiting.value?.code == .cancelled)
      #expect(server.accepts == Bounds.transfersPerHostMax)
      group.cancelAll()
    }
  }
}
