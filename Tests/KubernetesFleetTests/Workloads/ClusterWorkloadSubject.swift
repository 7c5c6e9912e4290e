import Synchronization
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// A workload of the simulated cluster as a subject of the contract.
struct ClusterWorkloadSubject: WorkloadFleetSubject {
  let world: WorkloadWorld
  /// What stands between a clause and the port.
  var wrap: @Sendable (ClusterWorkload, WorkloadWorld) -> any WorkloadFleet = { port, _ in port }

  init(
    _ kind: WorkloadKind,
    wrap: @escaping @Sendable (ClusterWorkload, WorkloadWorld) -> any WorkloadFleet = {
      port, _ in port
    }
  ) async throws {
    world = try await WorkloadWorld.running(kind)
    self.wrap = wrap
  }

  var shape: WorkloadShape { world.kind.shape }

  func connect() async throws -> any WorkloadFleet { wrap(try world.connect(), world) }

  func release(_ which: ContractRelease) -> Release { Self.release(which) }

  static func release(_ which: ContractRelease) -> Release {
    let versions = [ContractRelease.first: 0, .second: 1, .broken: 2]
    return Release(
      version: Version(1, UInt64(versions[which] ?? 0), 0), image: WorkloadWorld.images[which],
      window: SchemaWindow(at: 1))
  }

  func pass(_ time: Interval) async throws { try await world.pass(time) }

  func kept() async throws -> [KeptInstance] {
    await world.pods().map { Pod(object: $0, container: "web") }.filter { !$0.isEnded }.map { pod in
      KeptInstance(
        id: pod.identity.instance, build: pod.build, isLeaving: pod.object.isDeleting)
    }
  }

  func scale(to count: Int) async throws {
    await world.update(["spec": ["replicas": .integer(Int64(count))]], by: "autoscaler")
  }

  func edit() async throws {
    let note: JSONValue = ["metadata": ["annotations": ["note": "mine"]]]
    await world.update(["spec": ["template": note]])
  }

  func pauseByOther() async throws -> Bool {
    switch world.kind {
    case .deployment: await world.update(["spec": ["paused": true]])
    case .statefulSet:
      await world.update(
        ["spec": ["updateStrategy": ["type": "OnDelete", "rollingUpdate": .null]]])
    case .daemonSet: return false
    }
    return true
  }

  func restart(_ id: InstanceID) async throws {
    let uid = PodIdentity(id)?.uid ?? ""
    world.runner.withLock { _ = $0.restarting.insert(uid) }
  }

  func remove(_ id: InstanceID) async throws {
    await world.send("DELETE", "\(PodRunner.namespace)/pods/\(PodIdentity(id)?.name ?? "")")
  }

  func takeAway(machine: String) async throws {
    await world.send("DELETE", "/api/v1/nodes/\(machine)")
  }

  func removeWorkload() async throws {
    await world.send("DELETE", "\(world.collection)/web?propagationPolicy=Background")
  }

  func writeLosingReply(_ order: WorkloadOrder) async throws {
    await world.plan(
      ClusterFault(.loseReply, verbs: ["patch"], resource: world.kind.type.display))
    // Whatever came of it is what the clause finds out afterwards.
    try? await connect().write(order)
    await world.plan()
  }
}
