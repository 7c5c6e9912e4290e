import SimulatedCluster
import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Everything that the operator asks a cluster for, done as the user that it is there.
enum RightsDrive {
  /// Steps of a run: each kind, a command of the service's own, a crash in between, a pod in doubt.
  static func steps() async throws -> Set<UsedRight> {
    try await stepWorld { world, client in
      let database = JobDatabase(world.runner)
      let backups = JobBackups(world.runner)
      _ = try await database.takeFence(after: Epoch(6), run: "beacon-1")
      _ = try await database.inspect()
      try await database.preflight(Steps.plan())
      _ = try await backups.backUp("b", run: "beacon-1", purpose: .beforeExpand)
      _ = try await backups.verify("b")
      _ = try await backups.receipt(of: "b")
      _ = try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      try await JobArtifacts(world.runner).prepare(Steps.plan().target)
      _ = try await database.apply(Steps.order()) { _ in true }
      try await database.recordCommitPoint("beacon-1", epoch: Epoch(7))
      try await backups.prune(keep: 5, protecting: ["beacon-1"])
      _ = try await world.runner.perform(
        .command(Steps.order()), image: "registry.example/beacon@sha256:\(Steps.digest)")
      // What the one before left behind.
      let watch = StepWatch(client, service: "beacon", namespace: "shop")
      _ = try await JobDatabase(StepRunner(world.scope, client: client, watch: watch))
        .takeFence(after: Epoch(7), run: "beacon-1")
    }
  }

  /// A cluster with a node, in which the operator's Jobs end well.
  private static func stepWorld(
    _ body: @escaping @Sendable (StepWorld, KubernetesClient) async throws -> Void
  ) async throws -> Set<UsedRight> {
    try await with { cluster, client in
      let scope = try Steps.scope(
        owner: StepOwner(.configMaps, name: "run", uid: try await cluster.create("run").uid)
      ) { $0.image = Installation.image }
      let kubelet = TestKubelet(cluster) { pod in
        // The service's own command tells nothing but its exit.
        pod.labels[StepLabel.step] == StepKind.command.rawValue
          ? .end(code: 0, message: "") : StepWorld.good(pod, scope)
      }
      let watch = StepWatch(client, service: "beacon", namespace: "shop")
      let world = StepWorld(
        cluster: cluster, kubelet: kubelet, watch: watch, scope: scope,
        runner: StepRunner(scope, client: client, watch: watch))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await kubelet.run() }
        group.addTask { await watch.run() }
        defer { group.cancelAll() }
        try await body(world, client)
      }
    }
  }

  /// Standing for election, leading for a while, and giving the Lease up.
  static func leading() async throws -> Set<UsedRight> {
    try await with { _, client in
      let elector = LeaderElector(
        client, identity: "one", namespace: "windlass", name: "windlass-operator")
      await elector.run { right in
        let clock = client.clock
        await clock.sleep(until: clock.now() + .seconds(8))
        _ = right.holds
      }
    }
  }

  /// What is written on a service: that it is not driven, and the finalizer; and the wish that an
  /// open run goes by.
  static func notices() async throws -> Set<UsedRight> {
    try await with { cluster, client in
      let service = try await cluster.client.create(
        ManagedServiceTests.object([("metadata/uid", nil)]), as: .managedServices)
      let notice = ServiceNotice(client)
      let block = Block(code: "SharedWithAnother", message: "another has it")
      try await notice.tell(block, of: service)
      try await notice.hold(service)
      try await notice.release(service)
      _ = try await PinnedWish.find(for: Steps.plan(), of: "beacon", in: "shop", by: client)
    }
  }

  /// What a service and people tell each other: its runs with their journals, its status, Events,
  /// and answers to decisions.
  static func desk() async throws -> Set<UsedRight> {
    try await with { cluster, client in
      let life = Chronicle.life
      let order = DecisionOrder(choice: .rollback, by: "ann").text
      let service = try await cluster.client.create(
        ManagedServiceTests.object([
          ("metadata/uid", nil),
          ("metadata/annotations", ["decision.windlass.dev/aaaaaaaa": .string(order)]),
        ]), as: .managedServices)
      let journal = ClusterJournal(client, in: "shop")
      try await journal.append(life[0...3], after: nil)
      let events = EventRecorder(client, instance: "one")
      let desk = ServiceDesk(
        client, service: "beacon", in: "shop", events: events,
        told: SharedState(ServiceState(record: life[2])))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await events.run() }
        defer { group.cancelAll() }
        for turn in 0..<2 {
          let seen = try await cluster.client.get(
            ObjectReference(.managedServices, "beacon", in: "shop"))
          let now = client.clock.now() + RunBounds.statusInterval * Int64(turn)
          let news = StatusNews(
            state: ServiceState(record: life[3]), feed: .pending, generation: 1, now: now)
          _ = try await desk.turn(
            try #require(seen), news, isIdle: true, journal: journal)
        }
        let again = ClusterEvent(.normal, reason: "Again", action: "Say", note: "the same")
        for _ in 0..<2 { events.note(again, about: service) }
        #expect(
          await eventually {
            let told = try? await cluster.client.list(Selection(.events, in: "shop")).objects
            return told?.contains { $0.body.value(at: "/series/count") == 2 } == true
          })
      }
    }
  }

  /// A workload: adopted, looked at, rolled, held, rolled back, with pods removed by name.
  static func workload(_ kind: WorkloadKind) async throws -> Set<UsedRight> {
    let world = try await WorkloadWorld.running(
      kind, adopted: false, token: Installation.token)
    try await Installation().put(into: world.host)
    let driver = try world.connect()
    _ = try await driver.adopt()
    try await world.pass(.seconds(5))
    _ = try await driver.preflight()
    let bound =
      kind == .deployment
      ? WaveBound(good: 0, surge: 1, unavailable: 0)
      : WaveBound(good: 0, surge: 0, unavailable: 1)
    let first = await world.pods().prefix(1).map { PodIdentity($0).instance }
    var number = 0
    for (aim, which, removing) in [
      (WorkloadAim.wave(bound), ContractRelease.second, [InstanceID]()), (.hold, .second, []),
      (.retreat, .first, []), (.whole, .second, kind == .deployment ? [] : first),
      (.whole, .second, kind == .deployment ? [] : first),
    ] {
      number += 1
      let reading = try await driver.observe(remembering: [])
      try await driver.write(
        WorkloadOrder(
          id: EffectID("\(number)"), run: "run", epoch: Epoch(1), aim: aim,
          release: ClusterWorkloadSubject.release(which), removing: removing,
          token: reading.token))
      try await world.pass(.minutes(5))
    }
    let wave = try await driver.observe(remembering: []).instances.map(\.id)
    _ = try await driver.probe(wave, with: [])
    return await world.host.rights()
  }

  /// A cluster with what `deploy/` makes of it, and a client that is the operator.
  static func with(
    _ body: @escaping @Sendable (ClusterWorld, KubernetesClient) async throws -> Void
  ) async throws -> Set<UsedRight> {
    let found = Found()
    try await ClusterWorld.with(.inProcess, clock: FastClock(rate: 20)) { cluster in
      await cluster.host.change {
        $0.addAdministrator("kubelet", token: "kubelet-token")
        $0.createNamespace("windlass")
      }
      try await Installation().put(into: cluster.host)
      // A definition is not served at once.
      #expect(
        await eventually {
          let runs = try? await cluster.client.list(Selection(.upgradeRuns, in: "shop"))
          let services = try? await cluster.client.list(Selection(.managedServices, in: "shop"))
          return runs != nil && services != nil
        })
      _ = try await cluster.client.create(
        KubernetesObject(ObjectReference(.nodes, "node-a")), as: .nodes)
      try await body(cluster, try cluster.makeClient(Installation.token, "windlass"))
      await found.set(await cluster.host.rights())
    }
    return await found.rights
  }

  /// What a world saw, once it is gone.
  private actor Found {
    var rights: Set<UsedRight> = []
    func set(_ rights: Set<UsedRight>) { self.rights = rights }
  }
}
