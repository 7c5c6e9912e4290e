import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// The daemon's ports over Jobs of a simulated cluster, whose containers are run as processes on a
/// real database: what a port is asked comes back as the database has it.
@Suite(.serialized)
struct StepRoundTripTests {
  @Test(arguments: StepStage.Engine.allCases)
  func `an upgrade's steps go through Jobs, and the daemon never sees the database`(
    engine: StepStage.Engine
  ) async throws {
    let stage = try await StepStage(engine)
    let first = try await stage.install()
    let plan = stage.upgrade
    try await ProcessCluster.with(stage, plan) { runner in
      let database = JobDatabase(runner)
      let backups = JobBackups(runner)
      #expect(try await database.inspect().version == plan.schemaBefore)
      let epoch = try await database.takeFence(after: first, run: plan.run)
      #expect(epoch == Epoch(2))
      try await JobArtifacts(runner).prepare(plan.target)
      try await database.preflight(plan)
      _ = try await backups.backUp("b", run: plan.run, purpose: .beforeExpand)
      #expect(try await backups.verify("b").isVerified)
      var before = plan.schemaBefore
      for migration in plan.expansion {
        let order = try stage.order(migration, after: before, epoch, of: plan)
        try await database.apply(order)
        before = migration.version
      }
      let ledger = try await database.inspect()
      #expect(ledger.version == before && ledger.epoch == epoch)
      try await database.recordCommitPoint(plan.run, epoch: epoch)
      #expect(try await database.inspect().committedRun == plan.run)
      // Somebody else takes over: what this daemon still asks for changes nothing.
      _ = try await stage.done(.fence(after: epoch, run: "beacon-3"), of: plan)
      do throws(StepFailure) {
        try await backups.prune(keep: 0, protecting: [])
        Issue.record("a deposed daemon deleted backups")
      } catch {
        #expect(error.code == "FenceLost")
        #expect(error.message.contains("Job shop/beacon-2-prune-"))
      }
      let kept = try await stage.done(.checkBackup("b"), of: plan)
      guard case .backup(let receipt?) = kept.result else { throw StepStage.Unfit() }
      #expect(receipt.isVerified)
    }
  }
}

/// A simulated cluster whose pods are bound and run, one container each, as processes.
enum ProcessCluster {
  static func with(
    _ stage: StepStage, _ plan: Plan, _ body: @escaping @Sendable (StepRunner) async throws -> Void
  ) async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    let host = ClusterHost(server, clock: clock)
    let client = try client(ClusterTransport(host), clock)
    // The collector of a cluster removes what belongs to an owner that is not there.
    let run = try await client.create(
      KubernetesObject(ObjectReference(.configMaps, "run", in: "shop")), as: .configMaps)
    let scope = try stage.scope(
      plan, owner: StepOwner(.configMaps, name: "run", uid: run.uid))
    let watch = StepWatch(client, service: "beacon", namespace: "shop")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await watch.run() }
      group.addTask { try await runPods(stage, host) }
      defer { group.cancelAll() }
      try await body(StepRunner(scope, client: client, watch: watch))
    }
  }

  static func client(
    _ transport: ClusterTransport, _ clock: HostClock, manager: String = "windlass"
  ) throws -> KubernetesClient {
    var config = Kubeconfig()
    config.currentContext = "test"
    config.contexts["test"] = .init(cluster: "test", user: "test", namespace: "shop")
    config.clusters["test"] = .init(server: "http://simulated.invalid")
    var user = Kubeconfig.User()
    user.token = Secret("admin-token")
    config.users["test"] = user
    return KubernetesClient(
      try ClusterAccess(config), fieldManager: manager, clock: clock, plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
  }

  private struct NoPlugins: PluginRunner {
    func run(
      _ plugin: Kubeconfig.Plugin, information: String
    ) async throws(AccessError) -> [UInt8] {
      throw AccessError(.pluginFailed, "There are no plug-ins here.")
    }
  }

  /// Runs each pod once, as it comes.
  private static func runPods(_ stage: StepStage, _ host: ClusterHost) async throws {
    var seen: Set<String> = []
    let pods = "/api/v1/namespaces/shop/pods"
    while !Task.isCancelled {
      for pod in await objects(pods, host) where seen.insert(pod.uid).inserted {
        let map = try #require(
          pod.body.value(at: "/spec/volumes/0/configMap/name")?.string)
        let found = await objects("/api/v1/namespaces/shop/configmaps", host)
        let configMap = try #require(found.first { $0.name == map })
        await send("POST", "\(pods)/\(pod.name)/binding", ["target": ["name": "node-a"]], host)
        let answer = try await stage.run(pod.body["spec"] ?? .null, configMap: configMap)
        let end: JSONValue = [
          "exitCode": .integer(Int64(answer.ended.status)),
          "message": .string(String(decoding: answer.log, as: UTF8.self)),
          "reason": answer.ended.status == 0 ? "Completed" : "Error",
        ]
        let status: JSONValue = [
          "phase": answer.ended.status == 0 ? "Succeeded" : "Failed",
          "containerStatuses": [
            ["name": "step", "restartCount": 0, "state": ["terminated": end]]
          ],
        ]
        await send("PATCH", "\(pods)/\(pod.name)/status", ["status": status], host)
      }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  private static func objects(_ path: String, _ host: ClusterHost) async -> [KubernetesObject] {
    let answer = await send("GET", path, nil, host)
    guard case .json(let list) = answer.body else { return [] }
    return (list["items"]?.array ?? []).map(KubernetesObject.init)
  }

  @discardableResult
  private static func send(
    _ method: String, _ path: String, _ body: JSONValue?, _ host: ClusterHost
  ) async -> APIResponse {
    let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
    return await host.respond(
      to: APIRequest(
        method: method, path: path,
        headers: [
          HTTPHeader("Authorization", "Bearer admin-token"), HTTPHeader("Content-Type", type),
        ], body: body?.bytes ?? []))
  }
}
