import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import CurlTransport

/// Connections, places in line, and the thread.
struct PoolTests {
  /// A server that answers every request of a connection with the path it asks for.
  private func echoServer() throws -> RawServer {
    try RawServer { peer in
      while let request = peer.request() {
        peer.reply(body: Array(request.split(separator: " ")[1].utf8))
      }
    }
  }

  @Test func `requests one after another share a connection`() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let transport = try CurlTransport()
    for number in 0..<50 {
      let reply = try await transport.send(
        HTTPRequest(url: server.url("/\(number)")), limits: .test())
      #expect(reply.body == Array("/\(number)".utf8))
    }
    #expect(server.accepts == 1)
  }

  @Test func `two thousand polls at once go over a few connections, each with its reply`()
    async throws
  {
    let servers = try [echoServer(), echoServer()]
    defer { for server in servers { server.stop() } }
    let transport = try CurlTransport()
    let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<2_000 {
        let url = servers[number % 2].url("/\(number)")
        group.addTask {
          let reply = try await transport.send(HTTPRequest(url: url), limits: .test())
          return reply.body != Array("/\(number)".utf8)
        }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(wrong == 0)
    for server in servers {
      #expect(server.requests.count == 1_000)
      #expect(server.accepts <= Bounds.transfersPerHostMax)
    }
  }

  @Test func `a connection that the server closed is replaced`() async throws {
    let server = try RawServer { peer in
      _ = peer.request()
      peer.reply()
    }
    defer { server.stop() }
    let transport = try CurlTransport()
    for _ in 0..<10 {
      let reply = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
      #expect(reply.status == 200)
      let closed = await eventually { server.openConnections == 0 }
      #expect(closed)
    }
    #expect(server.requests.count == 10)
  }

  @Test func `a request takes nothing along from the one before`() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let transport = try CurlTransport()
    _ = try await transport.send(
      HTTPRequest(
        method: "PATCH", url: server.url("/first"),
        headers: [HTTPHeader("Authorization", "Bearer first"), HTTPHeader("X-First", "")],
        body: Array("first".utf8)),
      limits: .test(keepsConnection: false))
    let reply = try await transport.send(HTTPRequest(url: server.url("/second")), limits: .test())
    #expect(reply.status == 200 && reply.body == Array("/second".utf8))
    let request = try #require(server.requests.last)
    #expect(request.hasPrefix("GET /second HTTP/1.1\r\n"))
    let names = request.split(separator: "\r\n").dropFirst().map { $0.prefix { $0 != ":" } }
    #expect(Set(names) == ["Host", "User-Agent", "Accept"])
  }

  @Test func `a connection that is not to be kept is closed after its reply`() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let transport = try CurlTransport()
    for number in 1...3 {
      let reply = try await transport.send(
        HTTPRequest(url: server.url()), limits: .test(keepsConnection: false))
      #expect(reply.status == 200)
      #expect(server.requests.last?.contains("\r\nConnection: close\r\n") == true)
      let closed = await eventually { server.openConnections == 0 }
      #expect(closed)
      #expect(server.accepts == number)
    }
  }

  @Test func `a refused connection is an error and the next request is not hurt`() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let transport = try CurlTransport()
    // Port 1 of this machine is nobody's.
    #expect(await transport.failure(of: "http://127.0.0.1:1/")?.code == .unreachable)
    let reply = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
    #expect(reply.status == 200)
  }

  @Test func `a transport that nobody holds takes its thread along`() async {
    await #expect(processExitsWith: .success) {
      let server = try RawServer { peer in
        while peer.request() != nil { peer.reply() }
      }
      for _ in 0..<20 {
        let transport = try CurlTransport()
        _ = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
      }
      let ended = await eventually {
        server.openConnections == 0 && threads(named: "windlass-http").isEmpty
      }
      #expect(ended)
      #expect(server.accepts == 20)
    }
  }

  @Test func `an idle transport is never woken`() async {
    await #expect(processExitsWith: .success) {
      let server = try RawServer { peer in
        while peer.request() != nil { peer.reply() }
      }
      let transport = try CurlTransport()
      _ = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
      let thread = try #require(threads(named: "windlass-http").first)
      // The connection is in the pool now, and the thread has gone to sleep once it stands still.
      var switches = -1
      let asleep = await eventually {
        defer { switches = contextSwitches(ofThread: thread) }
        return switches == contextSwitches(ofThread: thread)
      }
      #expect(asleep)
      // A timeout or a busy loop would show as switches of the thread in this time.
      try await Task.sleep(for: .seconds(2))
      #expect(contextSwitches(ofThread: thread) == switches)
      _ = try await transport.send(HTTPRequest(url: server.url()), limits: .test())
      #expect(server.accepts == 1)
    }
  }
}

/// Who may start, decided without any transfer.
struct AdmissionTests {
  @Test func `a host has so many places and the others of it wait in order`() {
    var admission = Admission<Int>(totalMax: 10, perHostMax: 2)
    for number in 0..<4 { admission.enqueue(number, host: "a") }
    #expect([admission.next(), admission.next(), admission.next()] == [0, 1, nil])
    admission.finish(host: "a")
    #expect([admission.next(), admission.next()] == [2, nil])
    #expect(admission.underWay == 2 && admission.waiting == 1)
  }

  @Test func `hosts take turns, whoever has the longer line`() {
    var admission = Admission<String>(totalMax: 10, perHostMax: 10)
    for number in 0..<3 { admission.enqueue("a\(number)", host: "a") }
    admission.enqueue("b0", host: "b")
    let order = (0..<5).map { _ in admission.next() }
    #expect(order == ["a0", "b0", "a1", "a2", nil])
  }

  @Test func `all hosts together have so many places`() {
    var admission = Admission<Int>(totalMax: 3, perHostMax: 2)
    for number in 0..<6 { admission.enqueue(number, host: "\(number % 3)") }
    #expect((0..<4).map { _ in admission.next() } == [0, 1, 2, nil])
    admission.finish(host: "1")
    #expect([admission.next(), admission.next()] == [3, nil])
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func `nobody is lost, nobody starts twice and no bound is passed`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var admission = Admission<Int>(totalMax: 5, perHostMax: 2)
    var hosts: [Int: String] = [:]
    var underWay: [Int] = []
    var started: Set<Int> = []
    for number in 0..<300 {
      let host = "\(Int.random(in: 0..<6, using: &generator))"
      hosts[number] = host
      admission.enqueue(number, host: host)
      while let next = admission.next() {
        #expect(started.insert(next).inserted, "seed \(seed)")
        underWay.append(next)
        let perHost = Dictionary(grouping: underWay) { hosts[$0] ?? "" }.values.map(\.count)
        #expect(underWay.count <= 5 && perHost.allSatisfy { $0 <= 2 }, "seed \(seed)")
      }
      for _ in 0..<Int.random(in: 0..<3, using: &generator) where !underWay.isEmpty {
        let index = Int.random(in: 0..<underWay.count, using: &generator)
        admission.finish(host: hosts[underWay.remove(at: index)] ?? "")
      }
    }
    while !underWay.isEmpty || admission.waiting > 0 {
      for number in underWay { admission.finish(host: hosts[number] ?? "") }
      underWay = []
      while let next = admission.next() {
        #expect(started.insert(next).inserted, "seed \(seed)")
        underWay.append(next)
      }
      guard !underWay.isEmpty || admission.waiting == 0 else { break }
    }
    #expect(started.count == 300 && admission.waiting == 0, "seed \(seed)")
  }
}
