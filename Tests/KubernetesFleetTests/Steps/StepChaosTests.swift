import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Steps while replies are lost, reads are turned away and streams are cut, by a seed, and while
/// the daemon dies and another takes over.
@Suite(.serialized)
struct StepChaosTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func `whatever is lost, each order is carried out, and seldom more than once`(
    seed: UInt64
  ) async throws {
    let chaos = Chaos(seed: seed)
    let orders: [StepOrder] = [
      .fence(after: Epoch(6), run: "beacon-1"), .inspect,
      .backUp("b", run: "beacon-1", purpose: .beforeExpand), .verify("b"), .prove("b"),
      .apply(Steps.order()), .commit("beacon-1", epoch: Epoch(7)),
    ]
    let lossy = StepTransport { ChaoticTransport($0, chaos) }
    try await StepWorld.with(through: lossy) { world in
      var runner = world.runner
      for (number, order) in orders.enumerated() {
        // Every third order has another daemon, which knows nothing of the first.
        if number % 3 == 2 { runner = world.successor() }
        var message: StepMessage?
        for _ in 0..<20 where message == nil {
          do throws(StepFailure) {
            message = try await runner.perform(order)
          } catch {
            // A wait is that of a Job which a busy machine did not begin in time.
            #expect(error.disposition != .stop, "seed \(seed), \(order.kind): \(error)")
          }
        }
        #expect(
          message?.result == StepWorld.answer(to: order, world.scope).result, "seed \(seed)")
      }
      // Readings may be made again; of the others each success is found by its name.
      let kept = try await world.settledJobs(chaos)
      let lasting = kept.filter { $0.labels[StepLabel.step] != "inspect" }
      let byOrder = Dictionary(grouping: lasting) { $0.labels[StepLabel.order] ?? "" }
      #expect(byOrder.count == orders.count - 1, "seed \(seed)")
      for (order, jobs) in byOrder {
        let kind = jobs.first?.labels[StepLabel.step] ?? ""
        // The fence is never taken over from an attempt that nobody heard of.
        #expect(kind == "fence" || jobs.count == 1, "seed \(seed): \(kind) \(order)")
      }
    }
  }

  @Test func `a daemon that dies at each moment leaves one Job, and the next one its outcome`()
    async throws
  {
    // The requests of one step, each of which may be the last that a daemon makes.
    for last in 1...8 {
      let limit = Fuse(requests: last)
      let mortal = StepTransport { FusedTransport(carrier: $0, fuse: limit) }
      try await StepWorld.with(through: mortal) { world in
        limit.light()
        let hasEnded = Shared(false)
        let dying = Task {
          _ = try? await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
          hasEnded.set(true)
        }
        #expect(await eventually { limit.isBlown || hasEnded.value })
        dying.cancel()
        _ = await dying.value
        limit.replace()
        let next = world.successor()
        let verdict = try await JobRehearsal(next).rehearse(Steps.plan(), on: "b")
        #expect(verdict.judgement == .safe)
        let jobs = try await world.jobs()
        #expect(jobs.count == 1, "after \(last) requests")
        #expect(world.kubelet.jobs.count == 1, "after \(last) requests")
      }
    }
  }
}

/// Lets so many requests of a daemon through, and then none.
final class Fuse: Sendable {
  private struct State {
    var left: Int
    var isLit = false
    var isReplaced = false
    var refused = 0
  }
  private let state: Mutex<State>

  init(requests: Int) { state = Mutex(State(left: requests)) }

  /// From now on requests count.
  func light() { state.withLock { $0.isLit = true } }

  /// From now on all go through.
  func replace() { state.withLock { $0.isReplaced = true } }

  /// Whether a request was refused.
  var isBlown: Bool { state.withLock { $0.refused > 0 } }

  /// Whether one more may go out.
  func pass() -> Bool {
    state.withLock { state in
      guard state.isLit, !state.isReplaced else { return true }
      guard state.left > 0 else {
        state.refused += 1
        return false
      }
      state.left -= 1
      return true
    }
  }
}

/// The requests of a daemon that dies after some of them; watches are not counted.
struct FusedTransport: HTTPTransport {
  let carrier: any HTTPTransport
  let fuse: Fuse

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    guard fuse.pass() else { throw HTTPError(.unresolved, "the daemon is dead") }
    return try await carrier.send(request, limits: limits)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await carrier.stream(request, limits: limits, into: sink)
  }
}
