import Testing
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import WindlassCore

/// Events as people read them.
struct EventRecorderTests {
  private let event = ClusterEvent(
    .warning, reason: "NoProgress", action: "Wait", note: "nothing moves")

  /// Runs a recorder beside a test.
  private func with(
    _ world: RunWorld, _ body: (EventRecorder, KubernetesObject) async throws -> Void
  ) async throws {
    let recorder = EventRecorder(try world.client(), instance: "windlass-0")
    let service = try await world.service()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await recorder.run() }
      defer { group.cancelAll() }
      if let service { try await body(recorder, service) }
    }
  }

  private func events(_ world: RunWorld) async throws -> [KubernetesObject] {
    try await world.client().list(Selection(.events, in: "shop")).objects
  }

  private func reaches(_ count: Int64, _ world: RunWorld) async -> Bool {
    await eventually {
      let found = try? await self.events(world)
      return found?.first?.body.value(at: "/series/count")?.integer == count
    }
  }

  @Test func `an event says what happened to which object, and the same again is a series`()
    async throws
  {
    let world = try await RunWorld()
    try await with(world) { recorder, service in
      recorder.note(event, about: service)
      #expect(await eventually { (try? await events(world).count) == 1 })
      let made = try #require(try await events(world).first?.body)
      #expect(made.value(at: "/regarding/uid")?.string == service.uid)
      #expect(made.value(at: "/regarding/kind") == "ManagedService")
      #expect(made["reason"] == "NoProgress")
      #expect(made["type"] == "Warning")
      #expect(made["series"] == nil)
      recorder.note(event, about: service)
      #expect(await reaches(2, world))
      recorder.note(event, about: service)
      recorder.note(event, about: service)
      world.clock.advance(by: RunBounds.eventSeriesInterval)
      recorder.note(event, about: service)
      #expect(await reaches(5, world))
      #expect(try await events(world).count == 1)
      // After a while it is an event of its own.
      world.clock.advance(by: RunBounds.eventSeriesLife)
      recorder.note(event, about: service)
      #expect(await eventually { (try? await events(world).count) == 2 })
    }
  }

  @Test func `a server that takes no events holds nobody up`() async throws {
    let world = try await RunWorld()
    await world.plan(ClusterFault(.forbid, verbs: ["create"], resource: "events.events.k8s.io"))
    try await with(world) { recorder, service in
      for number in 0..<(RunBounds.eventsWaitingMax + 40) {
        recorder.note(
          ClusterEvent(.normal, reason: "Word", action: "Say", note: "\(number)"), about: service)
      }
      await world.plan()
      // What did not fit is gone, and what comes later is told.
      #expect(
        await eventually {
          recorder.note(event, about: service)
          let found = try? await events(world)
          return found?.contains { $0.body["reason"] == "NoProgress" } == true
        })
    }
  }

  @Test func `each turn of a service's life is told once`() {
    let life = Chronicle.life
    let told = zip(life, life.dropFirst()).map { old, new in
      ClusterEvent.news(new, after: old).map(\.reason)
    }
    #expect(
      told == [
        [], ["RunOpened"], ["EnteredExpand"], ["EnteredRoll"], ["RunCompleted"], [],
        ["RunOpened"], ["EnteredRollBack"], ["RunOpened", "RunRolledBack"], ["RunRefused"], [],
      ])
    var blocked = life[3]
    blocked.run?.block = Block(code: "NoProgress", message: "")
    #expect(ClusterEvent.news(blocked, after: life[3]).map(\.reason) == ["NoProgress"])
    #expect(ClusterEvent.news(blocked, after: blocked).isEmpty)
  }

  @Test func `what somebody has to mend is told once, and what passes by itself is not`() {
    let going = Chronicle.life[3]
    var failing = going
    failing.retry = Retry(
      action: "preflight", attempts: 1, at: Timestamp(milliseconds: 1_800_000_000_000),
      failure: StepFailure(code: "Forbidden", disposition: .wait, message: "no right"))
    let told = ClusterEvent.news(failing, after: going)
    #expect(
      told == [
        ClusterEvent(.warning, reason: "Forbidden", action: "TryAgain", note: "no right")
      ])
    var again = failing
    again.retry?.attempts = 2
    #expect(ClusterEvent.news(again, after: failing).isEmpty)
    failing.retry?.failure = StepFailure(code: "Busy", disposition: .retry, message: "busy")
    #expect(ClusterEvent.news(failing, after: going).isEmpty)
  }
}
