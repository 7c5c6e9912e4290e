import SimulatedCluster
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// One pair of watches for the steps of all services.
struct StepFeedTests {
  private func pod(_ name: String, of service: String) -> KubernetesObject {
    KubernetesObject([
      "apiVersion": "v1", "kind": "Pod",
      "metadata": [
        "name": .string(name), "namespace": "shop",
        "labels": [
          "app.kubernetes.io/name": "windlass-step", "windlass.dev/service": .string(service),
          "windlass.dev/order": .string("order-of-\(name)"),
        ],
      ],
      "spec": ["containers": [["name": "step", "image": "x"]]],
    ])
  }

  @Test func `each service is told of its own steps alone, by watches that all share`() async throws
  {
    try await ClusterWorld.with(.inProcess, clock: FastClock(rate: 20)) { world in
      let feed = StepFeed(world.client, in: "shop")
      let names = (0..<10).map { ServiceName("service-\($0)") }
      let watches = names.map { StepWatch(from: feed, service: $0, namespace: "shop") }
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await feed.run() }
        for watch in watches { group.addTask { await watch.run() } }
        defer { group.cancelAll() }
        #expect(await eventually { await feed.isCurrent })
        _ = try await world.client.create(pod("p", of: "service-3"), as: .pods)
        #expect(await eventually { !watches[3].sightings.pods(of: "order-of-p").isEmpty })
        #expect(watches[4].sightings.pods { _ in true }.isEmpty)
        #expect(await world.host.openWatches == 2)
      }
    }
  }

  @Test func `one that comes late is told of what is there`() async throws {
    try await ClusterWorld.with(.inProcess, clock: FastClock(rate: 20)) { world in
      let feed = StepFeed(world.client, in: "shop")
      _ = try await world.client.create(pod("p", of: "beacon"), as: .pods)
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await feed.run() }
        defer { group.cancelAll() }
        #expect(await eventually { await feed.isCurrent })
        let watch = StepWatch(from: feed, service: "beacon", namespace: "shop")
        group.addTask { await watch.run() }
        #expect(await eventually { watch.sightings.pods(of: "order-of-p").count == 1 })
      }
    }
  }
}
