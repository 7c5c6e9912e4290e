import Synchronization
import Testing
import WindlassCore
import WindlassProof
import WindlassWire

/// A network whose replies come from a closure.
final class ScriptedTransport: HTTPTransport, Sendable {
  private let answer: @Sendable (HTTPRequest) throws(HTTPError) -> HTTPResponse
  private let seen = Mutex<[HTTPRequest]>([])

  init(_ answer: @escaping @Sendable (HTTPRequest) throws(HTTPError) -> HTTPResponse) {
    self.answer = answer
  }

  var requests: [HTTPRequest] { seen.withLock { $0 } }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    seen.withLock { $0.append(request) }
    return try answer(request)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.other, "nothing is streamed here")
  }
}

@Suite struct ProbeRunnerTests {
  private static let base = "http://127.0.0.1:4000"

  /// Runs the probes against replies from a closure.
  private static func run(
    _ probes: [Probe], captures: ProbeCaptures = [:],
    _ answer: @escaping @Sendable (HTTPRequest) throws(HTTPError) -> HTTPResponse
  ) async throws -> (set: ProbeSetResult, requests: [HTTPRequest]) {
    let transport = ScriptedTransport(answer)
    let runner = ProbeRunner(transport: transport, clock: ProofClock(ManualClock()))
    let set = try await runner.run(probes, against: base, captures: captures)
    return (set, transport.requests)
  }

  private static func text(_ request: HTTPRequest) -> String {
    String(decoding: request.body ?? [], as: UTF8.self)
  }

  @Test func `a request carries method, path and body as written`() async throws {
    let probe = Probe(
      name: "a", method: "post", path: "/x?y=1", body: #"{"a": {"b": {}}}"#, expectedStatus: 204)
    let (set, requests) = try await Self.run([probe]) { _ in HTTPResponse(status: 204) }
    let request = try #require(requests.first)
    #expect(request.method == "POST")
    #expect(request.url == "http://127.0.0.1:4000/x?y=1")
    #expect(Self.text(request) == #"{"a": {"b": {}}}"#)
    #expect(request.headers.contains(HTTPHeader("Content-Type", "application/json")))
    #expect(set.isPassed)
    #expect(set.checks == 1)
  }

  @Test func `a request without a body names no type of one`() async throws {
    let probe = Probe(name: "a", method: "GET", path: "/")
    let (_, requests) = try await Self.run([probe]) { _ in HTTPResponse(status: 200) }
    #expect(requests.first?.body == nil)
    #expect(requests.first?.headers == [HTTPHeader("Accept", "application/json")])
  }

  @Test func `no probes are no success`() async throws {
    let (set, _) = try await Self.run([]) { _ in HTTPResponse(status: 200) }
    #expect(set.checks == 0)
    #expect(!set.isPassed)
    #expect(set.failures == [])
  }

  @Test func `a captured value serves later paths, bodies and expectations`() async throws {
    let create = Probe(
      name: "create", method: "POST", path: "/items", captures: ["id": "/id", "who": "/owner/name"])
    let read = Probe(
      name: "read", method: "PUT", path: "/items/{id}", body: #"{"id": {id}, "who": "{who}"}"#,
      expectedValues: ["/id": "{id}", "/owner": #""{who}""#])
    let (set, requests) = try await Self.run([create, read]) { request in
      request.method == "POST"
        ? SampleService.reply(200, ["id": 7, "owner": ["name": "a \"b\" c/d"]])
        : SampleService.reply(200, ["owner": "a \"b\" c/d", "id": 7])
    }
    #expect(set.failures == [])
    #expect(requests.last?.url == "http://127.0.0.1:4000/items/7")
    #expect(requests.last.map(Self.text) == #"{"id": 7, "who": "a \"b\" c/d"}"#)
    #expect(set.captures == ["id": 7, "who": "a \"b\" c/d"])
  }

  @Test func `a captured value can't leave its path segment`() async throws {
    let probe = Probe(name: "a", method: "GET", path: "/items/{id}/x")
    let (_, requests) = try await Self.run([probe], captures: ["id": "../../é?#%"]) { _ in
      HTTPResponse(status: 200)
    }
    #expect(requests.first?.url == "http://127.0.0.1:4000/items/..%2F..%2F%C3%A9%3F%23%25/x")
  }

  @Test func `a wrong status fails with the server's words`() async throws {
    let probe = Probe(name: "evaluate", method: "POST", path: "/api/v1/evaluate", body: "{}")
    let (set, _) = try await Self.run([probe]) { _ in SampleService.missingColumn }
    #expect(
      set.failures == [
        "probe \"evaluate\" POST /api/v1/evaluate expected 200, got 500: no such column: "
          + "f.description in: SELECT f.key, f.description FROM flags AS f WHERE f.key = ?1"
      ])
  }

  @Test func `a wrong value fails with both values`() async throws {
    let probe = Probe(
      name: "read", method: "GET", path: "/x", expectedValues: ["/a/0": #""on""#])
    let (set, _) = try await Self.run([probe]) { _ in SampleService.reply(200, ["a": ["off"]]) }
    #expect(set.failures == [#"probe "read" GET /x expected "on" at /a/0, got "off""#])
  }

  @Test(arguments: [
    ("{}", "nothing"), (#"{"a": null}"#, "null"), (#"{"a": "1"}"#, #""1""#),
    (#"{"a": true}"#, "true"),
  ])
  func `a value of another kind is another value`(_ body: String, _ got: String) async throws {
    let probe = Probe(name: "read", method: "GET", path: "/x", expectedValues: ["/a": "1"])
    let (set, _) = try await Self.run([probe]) { _ in
      HTTPResponse(status: 200, body: Array(body.utf8))
    }
    #expect(set.failures == ["probe \"read\" GET /x expected 1 at /a, got \(got)"])
  }

  @Test func `objects are equal in any order and numbers by value`() async throws {
    let probe = Probe(
      name: "read", method: "GET", path: "/x",
      expectedValues: ["": #"{"b": [1.0, {"c": null}], "a": 2}"#])
    let (set, _) = try await Self.run([probe]) { _ in
      HTTPResponse(status: 200, body: Array(#"{"a": 2.0, "b": [1, {"c": null}]}"#.utf8))
    }
    #expect(set.failures == [])
  }

  @Test func `a reply that is no JSON fails where a value is expected`() async throws {
    let probe = Probe(name: "read", method: "GET", path: "/x", expectedValues: ["/a": "1"])
    let (set, _) = try await Self.run([probe]) { _ in
      HTTPResponse(status: 200, body: Array("<html>\n<b>sorry".utf8))
    }
    let failure = try #require(set.failures.first)
    #expect(failure.contains("expected JSON, got"))
    #expect(failure.hasSuffix(": <html> <b>sorry"))
  }

  @Test func `one cause makes one failure, and what depends on it is skipped`() async throws {
    let create = Probe(name: "create", method: "POST", path: "/items", captures: ["id": "/id"])
    let read = Probe(name: "read", method: "GET", path: "/items/{id}")
    let other = Probe(name: "other", method: "GET", path: "/other")
    let (set, requests) = try await Self.run([create, read, other]) { request in
      HTTPResponse(status: request.method == "POST" ? 500 : 200)
    }
    #expect(set.failures.count == 1)
    #expect(set.checks == 2)
    #expect(
      set.results[1].outcome == .skipped("needs {id}, which no earlier probe captured"))
    #expect(requests.map(\.url).last?.hasSuffix("/other") == true)
  }

  @Test func `a name that nobody captures is a failure of the probe`() async throws {
    let probe = Probe(name: "read", method: "GET", path: "/items/{id}")
    let (set, requests) = try await Self.run([probe]) { _ in HTTPResponse(status: 200) }
    #expect(
      set.failures
        == ["probe \"read\" GET /items/{id} needs {id}, which no earlier probe captured"])
    #expect(requests == [])
  }

  @Test func `a value that is missing in the reply is a failure`() async throws {
    let probe = Probe(name: "create", method: "POST", path: "/x", captures: ["id": "/id"])
    let (set, _) = try await Self.run([probe]) { _ in SampleService.reply(200, ["ID": 1]) }
    #expect(
      set.failures == [
        "probe \"create\" POST /x expected a value at /id to capture, got nothing"
      ])
  }

  @Test(arguments: ["items", "@evil.example/", "https://evil.example/", ""])
  func `a path that could lead elsewhere is never asked`(_ path: String) async throws {
    let probe = Probe(name: "a", method: "GET", path: path)
    let (set, requests) = try await Self.run([probe]) { _ in HTTPResponse(status: 200) }
    #expect(requests == [])
    #expect(set.failures.count == 1)
  }

  @Test func `after a probe without a reply the rest is not asked`() async throws {
    let probes = (1...3).map { Probe(name: "p\($0)", method: "GET", path: "/\($0)") }
    let (set, requests) = try await Self.run(probes) { _ throws(HTTPError) in
      throw HTTPError(.timedOut, "no reply in 10s")
    }
    #expect(requests.count == 1)
    #expect(set.failures == ["probe \"p1\" GET /1 expected 200, got no reply: no reply in 10s"])
  }

  @Test func `no more probes are asked than the bound allows`() async throws {
    let probes = (0...Bounds.probesMax).map { Probe(name: "p\($0)", method: "GET", path: "/") }
    let (set, _) = try await Self.run(probes) { _ in HTTPResponse(status: 200) }
    #expect(set.checks == Bounds.probesMax)
  }

  @Test func `a cancelled transfer is no failure of the server`() async throws {
    await #expect {
      _ = try await Self.run([Probe(name: "a", method: "GET", path: "/")]) { _ throws(HTTPError) in
        throw HTTPError(.cancelled, "cancelled")
      }
    } throws: { ($0 as? StepFailure)?.disposition == .retry }
  }
}

@Suite struct LiveProbeTests {
  private static func runSafe(
    _ probes: [Probe], _ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) async throws -> (failure: String?, paths: [String]) {
    let transport = ScriptedTransport { request throws(HTTPError) in answer(request) }
    let runner = ProbeRunner(transport: transport, clock: ProofClock(ManualClock()))
    let failure = try await runner.runSafe(probes, against: "http://127.0.0.1:1")
    return (
      failure, transport.requests.map { String($0.url.dropFirst("http://127.0.0.1:1".count)) }
    )
  }

  @Test func `a live instance gets only what is marked safe`() async throws {
    let (failure, paths) = try await Self.runSafe([
      Probe(name: "create", method: "POST", path: "/items", captures: ["id": "/id"]),
      Probe(name: "read", method: "GET", path: "/items/{id}", isSafe: true),
      Probe(name: "list", method: "GET", path: "/items", isSafe: true),
      Probe(name: "plain", method: "GET", path: "/plain"),
    ]) { _ in HTTPResponse(status: 200) }
    #expect(failure == nil)
    #expect(paths == ["/items"])
  }

  @Test func `a live instance that fails says how`() async throws {
    let (failure, _) = try await Self.runSafe([
      Probe(name: "list", method: "GET", path: "/items", isSafe: true)
    ]) { _ in SampleService.reply(503, ["error": "overloaded"]) }
    #expect(failure == "probe \"list\" GET /items expected 200, got 503: overloaded")
  }

  @Test func `a release without safe probes has nothing to answer`() async throws {
    let (failure, paths) = try await Self.runSafe([
      Probe(name: "create", method: "POST", path: "/items")
    ]) { _ in HTTPResponse(status: 500) }
    #expect(failure == nil)
    #expect(paths == [])
  }
}

@Suite struct ReadinessTests {
  @Test func `a server that is never ready is late after the deadline and not before`()
    async throws
  {
    let clock = ManualClock()
    let transport = ScriptedTransport { _ throws(HTTPError) in
      throw HTTPError(.unreachable, "connection refused")
    }
    let runner = ProbeRunner(
      transport: transport,
      configuration: ProbeConfiguration(readinessDeadline: .seconds(5)), clock: ProofClock(clock))
    let outcome = try await runner.waitUntilReady("http://127.0.0.1:1") { () throws(StepFailure) in
      nil
    }
    #expect(outcome == .late(lastAnswer: "connection refused"))
    #expect(clock.now.offset == .seconds(5))
    #expect(transport.requests.count == 201)
  }

  @Test(arguments: [200, 204, 299])
  func `every status of success is readiness`(_ status: Int) async throws {
    let transport = ScriptedTransport { _ in HTTPResponse(status: status) }
    let runner = ProbeRunner(
      transport: transport, configuration: ProbeConfiguration(readinessPath: "/ready"),
      clock: ProofClock(ManualClock()))
    let outcome = try await runner.waitUntilReady("http://127.0.0.1:1") { () throws(StepFailure) in
      nil
    }
    #expect(outcome == .ready)
    #expect(transport.requests.map(\.url) == ["http://127.0.0.1:1/ready"])
  }

  @Test func `a server that has ended is not waited for`() async throws {
    let transport = ScriptedTransport { _ in HTTPResponse(status: 302) }
    let runner = ProbeRunner(transport: transport, clock: ProofClock(ManualClock()))
    let outcome = try await runner.waitUntilReady("http://127.0.0.1:1") { () throws(StepFailure) in
      ExitReport(code: 1)
    }
    #expect(outcome == .ended(ExitReport(code: 1)))
    #expect(transport.requests.count == 1)
  }
}
