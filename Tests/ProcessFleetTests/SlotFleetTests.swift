import Glibc
import Synchronization
import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import ProcessFleet

/// What a leader sees and orders through slots, with sidecars that keep them.
@Suite struct SlotFleetTests {
  @Test(arguments: FleetContract.clauses)
  func `slots and their sidecars keep the contract of a fleet`(
    clause: FleetContract.Clause
  ) async throws {
    try await clause.check(SlotSubject())
  }

  @Test func `each replica gets one instance, and none a second of the same release`() async throws
  {
    let world = SlotWorld(replicas: 3)
    try await world.beat()
    let fleet = try await world.leader()
    for name in ["s-1", "s-2", "s-3"] { try await world.start(name, "1.0.0", through: fleet) }
    let failure = await #expect(throws: StepFailure.self) {
      try await world.start("s-4", "1.0.0", through: fleet)
    }
    #expect(failure?.code == "NoReplica")
    #expect(failure?.disposition == .wait)
    #expect(await world.placed() == [["s-1"], ["s-2"], ["s-3"]])
  }

  @Test func `a roll leaves each replica with one new instance`() async throws {
    let world = SlotWorld(replicas: 3)
    try await world.beat()
    let fleet = try await world.leader()
    for name in ["s-1", "s-2", "s-3"] { try await world.start(name, "1.0.0", through: fleet) }
    // As the core rolls: a new one beside the old ones, then the oldest of these goes.
    for (new, old) in [("s-9", "s-1"), ("s-10", "s-2"), ("s-11", "s-3")] {
      try await world.start(new, "1.1.0", through: fleet)
      try await fleet.stop(InstanceID(old))
      try await world.beat()
    }
    try await world.settle()
    #expect(await world.placed() == [["s-9"], ["s-10"], ["s-11"]])
    let reading = try await fleet.observe()
    #expect(reading.instances.filter { $0.life == .alive }.map(\.id) == ["s-9", "s-10", "s-11"])
  }

  @Test func `a replica that was not seen to beat gets no order`() async throws {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    // A leader that has only seen the slot, not that it beats: its replica may be long gone.
    let fleet = SlotFleet(world.coordination, under: world.lease, clock: world.clock)
    let failure = await #expect(throws: StepFailure.self) {
      try await fleet.start(StartOrder(id: "s-1", release: world.release("1.0.0")))
    }
    #expect(failure?.code == "NoReplica")
  }

  @Test func `a silent replica is not ready, then in doubt, and never dead`() async throws {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    let fleet = try await world.leader()
    try await world.start("s-1", "1.0.0", through: fleet)
    try await world.beat()
    #expect(try await fleet.observe().instances.map(\.isReady) == [true])
    await world.stand(for: Bounds.slotReadyMax)
    let late = try #require(try await fleet.observe().instances.first)
    #expect(!late.isReady)
    #expect(late.life == .alive)
    await world.stand(for: .hours(24))
    let silent = try #require(try await fleet.observe().instances.first)
    #expect(silent.life == .unknown)
    let failure = await #expect(throws: StepFailure.self) { try await fleet.stop("s-1") }
    #expect(failure?.code == "InstanceInDoubt")
    // It was only cut off.
    try await world.beat()
    #expect(try await fleet.observe().instances.map(\.life) == [.alive])
  }

  @Test func `a new leader takes nothing for ready that was told before its time`() async throws {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    try await world.start("s-1", "1.0.0", through: try await world.leader())
    try await world.beat()
    let next = SlotFleet(world.coordination, under: world.lease, clock: world.clock)
    #expect(try await next.observe().instances.map(\.isReady) == [true])
    // The same, once its sidecar tells nothing any more.
    world.isAttended.withLock { $0 = false }
    let last = SlotFleet(world.coordination, under: world.lease, clock: world.clock)
    let reading = try #require(try await last.observe().instances.first)
    #expect(!reading.isReady)
    #expect(reading.life == .alive)
  }

  @Test func `a replica that is gone goes with the word on its last instance, and may come back`()
    async throws
  {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    let fleet = try await world.leader()
    try await world.start("s-1", "1.0.0", through: fleet)
    await world.stand(for: .hours(1))
    _ = try await fleet.observe()
    try await fleet.forget("s-1")
    #expect(try await world.coordination.read().slots == [])
    #expect(try await fleet.observe().instances == [])
    // A word given too early: what lives is told of again.
    try await world.beat()
    #expect(try await fleet.observe().instances.map(\.life) == [.alive])
  }

  @Test func `an order stands from the moment that it is written`() async throws {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    let fleet = try await world.leader()
    world.isAttended.withLock { $0 = false }
    let failure = await #expect(throws: StepFailure.self) {
      try await world.start("s-1", "1.0.0", through: fleet)
    }
    #expect(failure?.code == "SidecarSilent")
    // Nobody has begun it, and it may be alive all the same.
    let reading = try #require(try await fleet.observe().instances.first)
    #expect(reading.life != .dead)
    #expect(await world.placed() == [[]])
    // Its sidecar comes to it before it hears of the stop, or does not: either is known.
    try await world.beat()
    try await fleet.stop("s-1")
    try await world.beat()
    try await world.settle()
    #expect(try await fleet.observe().instances.map(\.life) == [.dead])
  }

  @Test func `who was deposed starts and stops nothing`() async throws {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    let old = try await world.leader()
    try await world.start("s-1", "1.0.0", through: old)
    let next = Lease(holder: "next", term: 2)
    #expect(try await world.coordination.take(next, after: world.lease))
    let stopped = await #expect(throws: StepFailure.self) { try await old.stop("s-1") }
    #expect(stopped?.code == "LeaseLost")
    let started = await #expect(throws: StepFailure.self) {
      try await world.start("s-2", "1.1.0", through: old)
    }
    #expect(started?.code == "LeaseLost")
    #expect(await world.placed() == [["s-1"]])
  }

  @Test func `a start that a sidecar refuses is taken back with its reason`() async throws {
    let world = SlotWorld(replicas: 1)
    try await world.beat()
    let fleet = try await world.leader()
    world.refusal.failure.withLock {
      $0 = StepFailure(
        code: "ExecutableRefused", disposition: .stop, message: "no", blamesRelease: true)
    }
    let failure = await #expect(throws: StepFailure.self) {
      try await world.start("s-1", "1.0.0", through: fleet)
    }
    #expect(failure?.code == "ExecutableRefused")
    #expect(failure?.blamesRelease == true)
    #expect(try await fleet.observe().instances == [])
  }
}
