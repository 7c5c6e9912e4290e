import Synchronization
import WindlassContracts
import WindlassCore
import WindlassSimulation

@testable import ProcessFleet

/// Replicas with a simulated fleet each, their sidecars, and a leader.
final class SlotWorld: Sendable {
  let coordination = SimulatedCoordination()
  let clock: PacedClock
  let lease = Lease(holder: "leader", term: 1)
  /// The instances of each replica.
  let fleets: [SimulatedService]
  /// Whether sidecars beat while the leader waits for them.
  let isAttended = Mutex(true)
  /// What every start fails with.
  let refusal = Refusal()
  private let keepers = Mutex<[SlotKeeper]>([])

  init(replicas: Int) {
    let clock = PacedClock()
    self.clock = clock
    fleets = (0..<replicas).map { _ in SimulatedService(clock: clock.inner) }
    let made = fleets.enumerated().map { index, fleet in
      SlotKeeper(
        ReplicaID("r\(index + 1)"), coordination, fleet: PickyFleet(fleet: fleet, refusal: refusal),
        artifacts: AnyArtifacts())
    }
    keepers.withLock { $0 = made }
    let attend: @Sendable () async -> Void = { [weak self] in
      guard let self, self.isAttended.withLock({ $0 }) else { return }
      // A failure of the coordination shows in what the test expects.
      try? await self.beat()
    }
    clock.onSleep.withLock { $0 = attend }
  }

  /// Lets everything end that is about to, and each sidecar tell so.
  func settle() async throws {
    await clock.inner.sleep(until: clock.now() + .minutes(5))
    try await beat()
    try await beat()
  }

  /// Lets time go by in which no sidecar beats.
  func stand(for time: Interval) async { await clock.inner.sleep(until: clock.now() + time) }

  /// Lets each sidecar beat once.
  func beat() async throws {
    for keeper in keepers.withLock({ $0 }) { try await keeper.beat() }
  }

  /// A leader that has seen every sidecar beat.
  func leader() async throws -> SlotFleet {
    _ = try await coordination.take(lease, after: nil)
    let fleet = SlotFleet(coordination, under: lease, clock: clock)
    _ = try await fleet.observe()
    try await beat()
    _ = try await fleet.observe()
    return fleet
  }

  func release(_ version: String) -> Release {
    Release(version: Version(version) ?? Version(0, 0, 0), window: SchemaWindow(at: 1))
  }

  func start(_ id: String, _ version: String, through fleet: SlotFleet) async throws {
    try await fleet.start(StartOrder(id: InstanceID(id), release: release(version)))
  }

  /// What lives in each replica.
  func placed() async -> [[InstanceID]] {
    var placed: [[InstanceID]] = []
    for fleet in fleets {
      let reading = try? await fleet.observe()
      placed.append((reading?.instances ?? []).filter { $0.life == .alive }.map(\.id))
    }
    return placed
  }
}

/// A clock whose sleeper lets the sidecars beat.
final class PacedClock: RunClock {
  let inner = SimulatedClock()
  let onSleep = Mutex<(@Sendable () async -> Void)?>(nil)

  func now() -> Timestamp { inner.now() }

  func sleep(until time: Timestamp) async {
    await onSleep.withLock { $0 }?()
    await inner.sleep(until: time)
  }
}

/// What starts fail with; nil where none does.
final class Refusal: Sendable {
  let failure = Mutex<StepFailure?>(nil)
}

/// A fleet whose starts may be made to fail.
private struct PickyFleet: Fleet {
  let fleet: SimulatedService
  let refusal: Refusal

  func observe() async throws(StepFailure) -> FleetReading { try await fleet.observe() }

  func start(_ order: StartOrder) async throws(StepFailure) {
    if let failure = refusal.failure.withLock({ $0 }) { throw failure }
    try await fleet.start(order)
  }

  func stop(_ id: InstanceID) async throws(StepFailure) { try await fleet.stop(id) }

  func probe(
    _ id: InstanceID, with probes: [Probe]
  ) async throws(StepFailure) -> String? { try await fleet.probe(id, with: probes) }

  func forget(_ id: InstanceID) async throws(StepFailure) { try await fleet.forget(id) }
}

/// Every release is there.
private struct AnyArtifacts: ArtifactStore {
  func prepare(_ release: Release) async throws(StepFailure) {}
}

/// Two replicas whose sidecars beat whenever somebody waits for them.
struct SlotSubject: FleetSubject {
  private let world = SlotWorld(replicas: 2)
  let probe = Probe(name: "probe", method: "GET", path: "/probe", isSafe: true)

  func connect(_ conduct: ServerConduct) async throws -> any Fleet {
    for fleet in world.fleets { await behave(fleet, conduct) }
    try await world.beat()
    return BeatingFleet(fleet: try await world.leader(), world: world)
  }

  private func behave(_ fleet: SimulatedService, _ conduct: ServerConduct) async {
    switch conduct {
    case .good: await fleet.behave(.good)
    case .neverReady: await fleet.behave(.neverReady)
    case .endsAtOnce: await fleet.behave(.crashes(after: .zero))
    case .ignoresTerm: await fleet.behave(.good, ignoresTerm: true)
    case .lies: await fleet.behave(.lies)
    case .failsProbes: await fleet.behave(.failsProbes)
    }
  }

  func release() -> Release { world.release("1.0.0") }

  func identity(of id: InstanceID) async throws -> String {
    for fleet in world.fleets {
      if let number = await fleet.identity(of: id) { return "\(number)" }
    }
    return "none"
  }

  func kill(_ id: InstanceID) async throws {
    for fleet in world.fleets where await fleet.identity(of: id) != nil { await fleet.kill(id) }
  }

  func end() {}
}

/// A leader's fleet, before each look at which the sidecars have beaten.
private struct BeatingFleet: Fleet {
  let fleet: SlotFleet
  let world: SlotWorld

  private func beat() async throws(StepFailure) {
    do {
      try await world.beat()
      try await world.beat()
    } catch let failure as StepFailure {
      throw failure
    } catch {
      throw StepFailure(code: "Unknown", disposition: .stop, message: "\(error)")
    }
  }

  func observe() async throws(StepFailure) -> FleetReading {
    try await beat()
    return try await fleet.observe()
  }

  func start(_ order: StartOrder) async throws(StepFailure) { try await fleet.start(order) }
  func stop(_ id: InstanceID) async throws(StepFailure) { try await fleet.stop(id) }

  func probe(
    _ id: InstanceID, with probes: [Probe]
  ) async throws(StepFailure) -> String? {
    try await beat()
    return try await fleet.probe(id, with: probes)
  }

  func forget(_ id: InstanceID) async throws(StepFailure) {
    try await beat()
    try await fleet.forget(id)
  }
}
