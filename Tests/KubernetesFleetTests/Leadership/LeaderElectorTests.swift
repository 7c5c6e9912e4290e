import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Candidates against the simulated server, on a clock that the test moves.
struct LeaderElectorTests {
  /// A cluster and its clock.
  private struct World {
    let clock = ManualClock()
    let host: ClusterHost
    let recorder = WordRecorder()

    init() {
      var server = SimulatedAPIServer(at: clock.now())
      server.addAdministrator("admin", token: "secret-token")
      server.createNamespace("windlass")
      host = ClusterHost(server, clock: clock)
    }

    func elector(_ identity: String, _ wire: Cuttable) throws -> LeaderElector {
      let client = KubernetesClient(
        try ClusterAccess(try .test(server: "http://simulated.invalid")), clock: clock,
        random: FixedRandom(value: 0), plugins: NoPlugins(), recorder: recorder,
        transport: { _ throws(HTTPError) in wire })
      return LeaderElector(
        client, identity: identity, namespace: "windlass", name: "operator")
    }

    /// Moves the clock second by second until the condition holds; before each second everybody
    /// has come to rest, which is when so many sleep.
    func pass(seconds: Int, sleepers: Int, until condition: () -> Bool = { false }) async -> Bool {
      for _ in 0..<seconds {
        _ = await eventually { condition() || clock.sleepers >= sleepers }
        if condition() { return true }
        clock.advance(by: .seconds(1))
      }
      return await eventually(within: .milliseconds(50), condition)
    }
  }

  /// Works until it is told to stop.
  private static func work(_ name: String, _ log: Counter, _ done: Signal)
    -> @Sendable (
      Leadership
    ) async -> Void
  {
    { right in
      log.add("\(name) leads")
      let seen = done.count
      await done.wait(after: seen)
      log.add("\(name) \(right.holds ? "is done" : "is deposed")")
    }
  }

  @Test func `a leader that is cut off stops, and the next one leads after it`() async throws {
    let world = World()
    let log = Counter()
    let (first, second) = (Cuttable(world.host), Cuttable(world.host))
    let a = try world.elector("a", first)
    let b = try world.elector("b", second)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await a.run(Self.work("a", log, Signal())) }
      #expect(await world.pass(seconds: 40, sleepers: 1) { log.words == ["a leads"] })
      group.addTask { await b.run(Self.work("b", log, Signal())) }
      // One sleeps between renewals, one watches over the right, one waits for its turn.
      #expect(await world.pass(seconds: 60, sleepers: 3) { log.words.count > 1 } == false)
      first.cut()
      #expect(await world.pass(seconds: 60, sleepers: 2) { log.words.count == 3 })
      #expect(log.words == ["a leads", "a is deposed", "b leads"])
      group.cancelAll()
    }
  }

  @Test func `each turn of a candidate is told, and each renewal of a leader`() async throws {
    let world = World()
    let log = Counter()
    let a = try world.elector("a", Cuttable(world.host))
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await a.run(Self.work("a", log, Signal())) }
      #expect(await world.pass(seconds: 40, sleepers: 1) { log.words == ["a leads"] })
      let waited = world.recorder.count("turned election")
      #expect(waited > 5)
      #expect(
        await world.pass(seconds: 30, sleepers: 2) { world.recorder.count("renewed") >= 3 })
      #expect(world.recorder.count("turned election") > waited)
      // The Lease was made by the first write, and renewed by the others.
      #expect(world.recorder.count("create 201") == 1)
      #expect(world.recorder.count("update 200") >= world.recorder.count("renewed"))
      group.cancelAll()
    }
  }

  @Test func `work that ends by itself gives the Lease to the next one at once`() async throws {
    let world = World()
    let log = Counter()
    let done = Signal()
    let a = try world.elector("a", Cuttable(world.host))
    let b = try world.elector("b", Cuttable(world.host))
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await a.run(Self.work("a", log, done))
        log.add("a goes")
      }
      #expect(await world.pass(seconds: 40, sleepers: 1) { log.words == ["a leads"] })
      group.addTask { await b.run(Self.work("b", log, Signal())) }
      _ = await world.pass(seconds: 4, sleepers: 3)
      done.send()
      #expect(await eventually { log.words.contains("a goes") })
      // Far less than the fifteen seconds after which a silent holder is passed over.
      #expect(await world.pass(seconds: 6, sleepers: 1) { log.words.count == 4 })
      #expect(log.words == ["a leads", "a is done", "a goes", "b leads"])
      group.cancelAll()
    }
  }
}

/// A way to the server that a test can cut.
private final class Cuttable: HTTPTransport {
  private let carrier: ClusterTransport
  private let isCut = Mutex(false)

  init(_ host: ClusterHost) { carrier = ClusterTransport(host) }

  func cut() { isCut.withLock { $0 = true } }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    guard !isCut.withLock({ $0 }) else { throw HTTPError(.unreachable, "The wire is cut.") }
    return try await carrier.send(request, limits: limits)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await carrier.stream(request, limits: limits, into: sink)
  }
}
