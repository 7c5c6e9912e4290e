import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// The client against a server that fails, in process and over a socket.
struct FaultContractTests {
  private func plan(_ faults: ClusterFault...) -> @Sendable (inout SimulatedAPIServer) -> Void {
    { $0.faults = FaultPlan(faults) }
  }

  @Test(arguments: Way.allCases)
  func `a creation whose reply is lost may have happened, and is found by reading`(
    way: Way
  ) async throws {
    try await ClusterWorld.with(way) { world in
      await world.host.change(
        plan(ClusterFault(.loseReply, verbs: ["create"], when: .first(1))))
      let error = await failure { () throws(APIError) in
        try await world.client.create(.configMap("once"), as: .configMaps)
      }
      #expect(error?.mayHaveHappened == true)
      let found = try await world.client.get(.configMap("once"))
      #expect(found?.value == "1")
    }
  }

  @Test(arguments: Way.allCases)
  func `a read whose reply is lost is simply repeated`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      try await world.create("there")
      await world.host.change(plan(ClusterFault(.loseReply, verbs: ["get"], when: .first(2))))
      let found = try await world.client.get(.configMap("there"))
      #expect(found?.value == "1")
    }
  }

  @Test(arguments: Way.allCases)
  func `a watch that is cut amid an event, loses one or repeats one leads to the same copy`(
    way: Way
  ) async throws {
    let kinds: [ClusterFault.Kind] = [
      .cutEvent(1), .duplicateEvent(0), .delayEvent(0), .expireEvent(1),
    ]
    for kind in kinds {
      try await ClusterWorld.with(way) { world in
        await world.host.change(plan(ClusterFault(kind, verbs: ["watch"], when: .first(1))))
        let informer = Informer(
          world.client, Selection(.configMaps, in: "shop", labels: "app=web"),
          reflector: Reflector(streamsLists: false))
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { await informer.run() }
          defer { group.cancelAll() }
          await informer.waitUntilSynced()
          for number in 0..<4 {
            try await world.create("n\(number)", labels: ["app": "web"])
          }
          #expect(
            await eventually { await informer.objects.map(\.name) == ["n0", "n1", "n2", "n3"] },
            "\(kind)")
        }
      }
    }
  }
}
