import FoundationEssentials
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// A database of a service in a cluster, and Jobs of steps that are run as processes: their
/// containers' commands, with the places that a node agent would mount.
struct StepStage: Sendable {
  /// What the steps work on.
  enum Engine: String, CaseIterable, Sendable { case sqlite, postgres }

  let directory: TemporaryDirectory
  let url: String
  let engine: Engine
  let releases: [Release]

  init(_ engine: Engine) async throws {
    self.engine = engine
    directory = try TemporaryDirectory()
    _ = try directory.directory("volume")
    _ = try directory.directory("plan")
    switch engine {
    case .sqlite: url = "sqlite://\(directory.file("beacon.db"))"
    case .postgres: url = try await TestServers.shared.freshDatabase(.postgres)
    }
    releases = try StagedFeeds.shared().releases(
      of: "beacon", edition: "1.1.0", engine: engine.rawValue)
  }

  /// The plan of an installation of the first release.
  var installation: Plan {
    Plan(
      service: "beacon", run: "beacon-1", kind: .install, source: nil, target: releases[0],
      migrations: releases[0].migrations, schemaBefore: nil, rollout: RolloutPolicy(),
      manifest: Digest(String(repeating: "0", count: 64)))
  }

  /// The plan of the upgrade to the second.
  var upgrade: Plan {
    Plan(
      service: "beacon", run: "beacon-2", kind: .upgrade, source: releases[0],
      target: releases[1], migrations: releases[1].migrations,
      schemaBefore: releases[0].migrations.last?.version, rollout: RolloutPolicy(),
      manifest: Digest(String(repeating: "0", count: 64)))
  }

  /// A service on a Deployment.
  static let wish: JSONValue = [
    "source": [
      "manifest": [
        "url": "https://releases.example/beacon.json", "service": "beacon",
        "publicKeys": [.string("RWQ" + String(repeating: "a", count: 53))],
      ]
    ],
    "database": [
      "urlFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]],
      "inject": ["env": "BEACON_DB"],
    ],
    "backup": ["volumeClaim": "beacon-backups"],
    "fleet": ["deployment": ["name": "beacon", "container": "server"]],
  ]

  /// What the Jobs of a plan have in common.
  func scope(
    _ plan: Plan?, owner: StepOwner = StepOwner(.upgradeRuns, name: "beacon-1", uid: "run-uid")
  ) throws -> StepScope {
    try StepScope(
      settings: StepSettings(namespace: "shop", image: "windlass@sha256:0"),
      document: StepDocument(service: "beacon", spec: Self.wish, plan: plan), owner: owner)
  }

  /// What a process said.
  struct Answer: Sendable {
    var ended: Ended
    /// What stands in the termination log.
    var log: [UInt8]
    var message: StepMessage? { StepMessage(log) }
  }

  /// Runs one order as its Job's container is run.
  func run(_ order: StepOrder, of plan: Plan?, epoch: Epoch? = nil) async throws -> Answer {
    let scope = try scope(plan)
    let job = StepJob(scope: scope, order: order, attempt: 1, epoch: epoch)
    let pod = try #require(job.object.body.value(at: "/spec/template/spec"))
    return try await run(pod, configMap: scope.configMap)
  }

  /// Runs the first container of a pod: mounts its volumes, resolves its Secret, and reads what it
  /// leaves for the kubelet.
  func run(_ pod: JSONValue, configMap: KubernetesObject) async throws -> Answer {
    let container = try #require(pod.value(at: "/containers/0"))
    let text = try #require(configMap.body.value(at: "/data/plan.json")?.string)
    _ = try directory.write(text, to: "plan/plan.json")
    let id = UUID().uuidString
    let work = try directory.directory("work-\(id)")
    let log = directory.file("log-\(id)")
    let mounts = [
      (StepPaths.plan, directory.file("plan")), (StepPaths.volume, directory.file("volume")),
      (StepPaths.work, work), (StepPaths.message, log),
    ]
    let placed = { (word: String) in
      mounts.reduce(word) { $0.hasPrefix($1.0) ? $1.1 + $0.dropFirst($1.0.count) : $0 }
    }
    let words = (container["args"]?.array ?? []).compactMap(\.string).map(placed)
    var environment: [String: String] = [:]
    for variable in container["env"]?.array ?? [] {
      let name = try #require(variable["name"]?.string)
      let secret = variable.value(at: "/valueFrom/secretKeyRef/name")?.string
      environment[name] = secret == "beacon-db" ? url : placed(variable["value"]?.string ?? "")
    }
    #expect(container["command"] == ["windlass"])
    let ended = await (try Program("windlass", words, environment: environment)).end()
    let data = (try? Data(contentsOf: URL(filePath: log))) ?? Data()
    #expect(data.count <= 3_072)
    #expect(!String(decoding: data, as: UTF8.self).contains(url))
    return Answer(ended: ended, log: [UInt8](data))
  }

  /// Runs an order that must succeed.
  func done(_ order: StepOrder, of plan: Plan?, epoch: Epoch? = nil) async throws -> StepMessage {
    let answer = try await run(order, of: plan, epoch: epoch)
    try #require(answer.ended.status == 0, "\(order.kind): \(answer.ended.text)")
    let message = try #require(answer.message)
    #expect(message.failure == nil)
    return message
  }

  /// Takes the fence and installs the first release, as one run after the other does.
  func install() async throws -> Epoch {
    guard
      case .fenced(let epoch) = try await done(
        .fence(after: nil, run: "beacon-1"), of: installation
      ).result
    else { throw Unfit() }
    var before: SchemaVersion?
    for migration in installation.migrations {
      _ = try await done(
        .apply(try order(migration, after: before, epoch, of: installation)), of: installation)
      before = migration.version
    }
    return epoch
  }

  /// The order for one migration.
  func order(
    _ migration: Migration, after: SchemaVersion?, _ epoch: Epoch, of plan: Plan
  ) throws -> MigrationOrder {
    MigrationOrder(
      run: plan.run, migration: migration, archive: try #require(plan.target.migrationArchive),
      after: after, epoch: epoch)
  }

  /// A step answered with something else than it should.
  struct Unfit: Error {}
}
