import SimulatedCluster
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Jobs for what is under way: of the run that is open, by the wish that it began with.
struct ServiceStepsTests {
  private static let spec = Documents.service().body["spec"] ?? .null

  private func steps(_ world: ClusterWorld, _ spec: JSONValue = spec) -> ServiceSteps {
    ServiceSteps(
      "beacon", spec: spec,
      settings: StepSettings(namespace: "shop", image: "registry.example/windlass@sha256:0"),
      client: world.client,
      watch: StepWatch(world.client, service: "beacon", namespace: "shop"),
      owner: StepOwner(.managedServices, name: "beacon", uid: "service-uid"))
  }

  @Test func `a run that opens gets steps of its own, and rest gets the service's back`()
    async throws
  {
    try await ClusterWorld.with(.inProcess) { world in
      try await define(world)
      let steps = steps(world)
      let atRest = try await steps.runner()
      #expect(atRest.scope.document.plan == nil)
      #expect(atRest.scope.owner.type == .managedServices)
      #expect(try await steps.runner() === atRest)
      let plan = Steps.plan()
      steps.follow { StepStanding(plan: plan, epoch: Epoch(7)) }
      let inRun = try await steps.runner()
      #expect(inRun.scope.document.plan == plan)
      #expect(inRun.scope.document.spec == Self.spec)
      steps.follow { StepStanding() }
      #expect(try await steps.runner().scope.document.plan == nil)
    }
  }

  @Test func `the steps of a run belong to its object, if that is this service's`() async throws {
    try await ClusterWorld.with(.inProcess) { world in
      try await define(world)
      let plan = Steps.plan("beacon-1")
      let owned = { (uid: String) in
        KubernetesObject(
          Documents.run("beacon-1").body.setting(
            ["metadata", "ownerReferences"],
            to: [StepOwner(.managedServices, name: "beacon", uid: uid).reference]))
      }
      let uid = try await world.client.create(Documents.service(), as: .managedServices).uid
      let run = try await world.client.create(owned(uid), as: .upgradeRuns)
      for (home, expected) in [(uid, run.uid), ("another", "another")] {
        let steps = ServiceSteps(
          "beacon", spec: Self.spec,
          settings: StepSettings(namespace: "shop", image: "registry.example/windlass@sha256:0"),
          client: world.client,
          watch: StepWatch(world.client, service: "beacon", namespace: "shop"),
          owner: StepOwner(.managedServices, name: "beacon", uid: home))
        steps.follow { StepStanding(plan: plan) }
        #expect(try await steps.runner().scope.owner.uid == expected)
      }
    }
  }

  @Test func `the wish of an open run is found where its steps read it`() async throws {
    try await ClusterWorld.with(.inProcess) { world in
      let plan = Steps.plan()
      #expect(try await find(plan, world) == nil)
      let home = try await world.create("home")
      let scope = try StepScope(
        settings: StepSettings(namespace: "shop", image: "registry.example/windlass@sha256:0"),
        document: StepDocument(service: "beacon", spec: Self.spec, plan: plan),
        owner: StepOwner(.configMaps, name: "home", uid: home.uid))
      _ = try await world.client.create(scope.configMap, as: .configMaps)
      #expect(try await find(plan, world) == Self.spec)
      var other = plan
      other.schemaBefore = 9
      #expect(try await find(other, world) == nil)
    }
  }

  /// Installs the definitions, and waits until the server knows them.
  private func define(_ world: ClusterWorld) async throws {
    for definition in ResourceDefinition.all {
      _ = try await world.client.apply(KubernetesObject(definition.json), as: .definitions)
    }
    #expect(
      await eventually {
        let services = try? await world.client.list(Selection(.managedServices))
        let runs = try? await world.client.list(Selection(.upgradeRuns))
        return services != nil && runs != nil
      })
  }

  private func find(_ plan: Plan, _ world: ClusterWorld) async throws -> JSONValue? {
    try await PinnedWish.find(for: plan, of: "beacon", in: "shop", by: world.client)
  }
}
