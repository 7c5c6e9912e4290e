import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Runs and services that the tests of steps are about.
enum Steps {
  static let digest = Digest(String(repeating: "a", count: 64))

  static func archive(_ name: String = "migrations") -> ArchiveReference {
    ArchiveReference(url: "https://releases.example/\(name).tar.gz", digest: digest, size: 1_024)
  }

  static func release(_ version: Version, _ migrations: [Migration] = []) -> Release {
    // The window of one version is always one.
    Release(
      version: version, image: "registry.example/beacon@sha256:\(digest)",
      window: SchemaWindow(min: 1, max: 3)!, migrations: migrations,
      migrationArchive: archive())
  }

  static func plan(_ run: RunID = "beacon-1") -> Plan {
    let migrations = [
      Migration(version: 2, phase: .expand), Migration(version: 3, phase: .contract),
    ]
    return Plan(
      service: "beacon", run: run, kind: .upgrade, source: release(Version(1, 0, 0)),
      target: release(Version(1, 1, 0), migrations), migrations: migrations, schemaBefore: 1,
      rollout: RolloutPolicy(), manifest: digest)
  }

  static func document(
    _ changes: [(path: String, value: JSONValue?)] = [], plan: Plan? = plan()
  ) -> StepDocument {
    var spec = Documents.service().body["spec"] ?? .null
    for (path, value) in changes {
      spec = spec.setting(path.split(separator: "/").map(String.init), to: value)
    }
    return StepDocument(service: "beacon", spec: spec, plan: plan)
  }

  static func scope(
    _ changes: [(path: String, value: JSONValue?)] = [], plan: Plan? = plan(),
    owner: StepOwner = StepOwner(.upgradeRuns, name: "beacon-1", uid: "run-uid"),
    settings change: (inout StepSettings) -> Void = { _ in }
  ) throws -> StepScope {
    var settings = StepSettings(
      namespace: "shop", image: "registry.example/windlass@sha256:\(digest)")
    change(&settings)
    return try StepScope(
      settings: settings, document: document(changes, plan: plan), owner: owner)
  }

  static func order(_ version: SchemaVersion = 2, epoch: Int64 = 7) -> MigrationOrder {
    MigrationOrder(
      run: "beacon-1", migration: Migration(version: version, phase: .expand),
      archive: archive(), after: 1, epoch: Epoch(epoch))
  }

  /// One order of each kind.
  static let all: [StepOrder] = [
    .prepare([archive()]), .fence(after: Epoch(6), run: "beacon-1"), .inspect, .preflight,
    .backUp("b", run: "beacon-1", purpose: .beforeExpand), .verify("b"), .checkBackup("b"),
    .prove("b"),
    .goOn("b", after: VisitOutcome(generation: "g", turn: 0, account: "{}")),
    .visit(question()), .isolate(["10.0.0.1:5432"]), .apply(order()),
    .apply(
      MigrationOrder(
        run: "beacon-1", migration: Migration(version: 4, phase: .backfill), archive: archive(),
        after: 2, epoch: Epoch(7))),
    .apply(
      MigrationOrder(
        run: "beacon-1", migration: Migration(version: 3, phase: .contract), archive: archive(),
        after: 2, epoch: Epoch(7))),
    .commit("beacon-1", epoch: Epoch(7)),
    .probe(
      PodQuestion(
        pods: [.init(id: "beacon-x", address: "10.0.0.7")], port: 8_080, probes: [])),
    .prune(keep: 5, protecting: ["beacon-1"]), .checkFence(Epoch(7)), .command(order()),
  ]

  /// A visit that a rehearsal waits for.
  static func question(turn: Int = 0, generation: String = "g") -> VisitQuestion {
    VisitQuestion(
      generation: generation, turn: turn, version: Version(1, 0, 0),
      image: "registry.example/beacon@sha256:\(digest)", request: "{}",
      forbidden: ["10.0.0.1:5432"])
  }

  static func job(_ order: StepOrder, attempt: Int = 1) throws -> StepJob {
    StepJob(scope: try scope(), order: order, attempt: attempt, image: "beacon@sha256:0")
  }

  /// What a step of that Job says at its end.
  static func message(
    _ job: StepJob, _ result: StepResult = .nothing, failure: StepFailure? = nil
  ) -> StepMessage {
    StepMessage(
      kind: job.order.kind, plan: job.scope.document.digest, order: job.order.digest,
      failure: failure, result: result)
  }
}
