import FoundationEssentials
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// `windlass step`: the program inside of a Job, on real databases.
@Suite(.serialized)
struct StepCommandTests {
  private func ledger(_ message: StepMessage) throws -> LedgerReading {
    guard case .ledger(let ledger) = message.result else { throw StepStage.Unfit() }
    return ledger.reading(asOf: Timestamp(milliseconds: 0))
  }

  private func receipt(_ message: StepMessage) throws -> BackupReceipt {
    guard case .backup(let receipt?) = message.result else { throw StepStage.Unfit() }
    return receipt
  }

  @Test(arguments: StepStage.Engine.allCases)
  func `a run's steps do their work one after the other`(engine: StepStage.Engine) async throws {
    let stage = try await StepStage(engine)
    let plan = stage.installation
    let empty = try ledger(try await stage.done(.inspect, of: nil))
    #expect(empty.version == nil && empty.epoch == nil && !empty.hasTables)
    let epoch = try await stage.install()
    #expect(epoch == Epoch(1))
    let upgrade = stage.upgrade
    let archives = [upgrade.target.migrationArchive].compactMap(\.self)
    _ = try await stage.done(.prepare(archives), of: upgrade)
    let fenced = try await stage.done(
      .fence(after: epoch, run: upgrade.run), of: upgrade)
    #expect(fenced.result == .fenced(Epoch(2)))
    let ours = Epoch(2)
    _ = try await stage.done(.preflight, of: upgrade, epoch: ours)
    let taken = try receipt(
      try await stage.done(
        .backUp("beacon-2-expand", run: upgrade.run, purpose: .beforeExpand), of: upgrade,
        epoch: ours))
    #expect(!taken.isVerified && taken.schema == upgrade.schemaBefore)
    let verified = try receipt(
      try await stage.done(.verify("beacon-2-expand"), of: upgrade, epoch: ours))
    #expect(verified.isVerified && verified.digest == taken.digest)
    #expect(
      try receipt(try await stage.done(.checkBackup("beacon-2-expand"), of: upgrade)) == verified)
    #expect(
      try await stage.done(.checkBackup("no-such"), of: upgrade).result == .backup(nil))
    var before = upgrade.schemaBefore
    for migration in upgrade.expansion {
      let order = try stage.order(migration, after: before, ours, of: upgrade)
      let message = try await stage.done(.apply(order), of: upgrade)
      #expect(message.ledger == migration.version && message.epoch == ours)
      // Once more changes nothing and succeeds.
      _ = try await stage.done(.apply(order), of: upgrade)
      before = migration.version
    }
    _ = try await stage.done(.commit(upgrade.run, epoch: ours), of: upgrade)
    let reading = try ledger(try await stage.done(.inspect, of: upgrade))
    #expect(reading.committedRun == upgrade.run && reading.version == before)
    #expect(
      reading.applied.filter { $0.run == upgrade.run }.map(\.version)
        == upgrade.expansion.map(\.version))
    #expect(reading.applied.allSatisfy { $0.checksum.isWellFormed })
    #expect(reading.applied.filter { $0.run == plan.run }.count == plan.migrations.count)
    _ = try await stage.done(.prune(keep: 1, protecting: []), of: upgrade, epoch: ours)
    #expect(
      try receipt(try await stage.done(.checkBackup("beacon-2-expand"), of: upgrade)).isVerified)
  }

  @Test(arguments: StepStage.Engine.allCases)
  func `a step of a deposed daemon does nothing and says so`(
    engine: StepStage.Engine
  ) async throws {
    let stage = try await StepStage(engine)
    let old = try await stage.install()
    let plan = stage.upgrade
    _ = try await stage.done(.fence(after: old, run: plan.run), of: plan)
    let migration = try #require(plan.expansion.first)
    let late: [(StepOrder, Epoch?)] = [
      (.apply(try stage.order(migration, after: plan.schemaBefore, old, of: plan)), nil),
      (.commit(plan.run, epoch: old), nil), (.fence(after: old, run: "beacon-3"), nil),
      (.backUp("late", run: plan.run, purpose: .beforeExpand), old),
      (.prune(keep: 0, protecting: []), old), (.checkFence(old), nil), (.preflight, old),
    ]
    for (order, epoch) in late {
      let answer = try await stage.run(order, of: plan, epoch: epoch)
      #expect(answer.ended.status == 1, "\(order.kind): \(answer.ended.text)")
      let failure = try #require(answer.message?.failure, "\(order.kind)")
      #expect(failure.code == "FenceLost" && failure.disposition == .stop, "\(failure)")
    }
    let reading = try ledger(try await stage.done(.inspect, of: plan))
    #expect(reading.version == plan.schemaBefore && reading.committedRun == nil)
    #expect(try await stage.done(.checkBackup("late"), of: plan).result == .backup(nil))
    _ = try await stage.done(.checkFence(Epoch(2)), of: plan)
  }

  @Test func `a plan that was changed, an order of another kind and a bad word are refused`()
    async throws
  {
    let stage = try await StepStage(.sqlite)
    let scope = try stage.scope(stage.upgrade)
    let job = StepJob(scope: scope, order: .inspect, attempt: 1)
    let pod = try #require(job.object.body.value(at: "/spec/template/spec"))
    let changed = KubernetesObject(
      scope.configMap.body.setting(["data", "plan.json"], to: "{}"))
    let answer = try await stage.run(pod, configMap: changed)
    #expect(answer.ended.status == 1)
    #expect(answer.message?.failure?.code == "PlanUnreadable")
    let words = ["--plan", "x", "--plan-digest", "sha256:" + String(repeating: "0", count: 64)]
    let log = stage.directory.file("log")
    let rest = ["--work", stage.directory.path, "--message", log]
    for (kind, order) in [
      ("inspect", StepOrder.preflight.text), ("fence", "{}"), ("inspect", "no json"),
    ] {
      let ended = try Program.run(
        "windlass", ["step", kind, "--order", order] + words + rest)
      #expect(ended.status == 2, "\(ended.text)")
    }
    #expect(try Program.run("windlass", ["step", "dance"] + words + rest).status == 2)
    #expect(try Program.run("windlass", ["step", "command"] + words + rest).status == 2)
  }

  @Test(arguments: StepStage.Engine.allCases)
  func `a dirty ledger ends with 6, and the message says what to do`(
    engine: StepStage.Engine
  ) async throws {
    let stage = try await StepStage(engine)
    let epoch = try await stage.install()
    let broken = Migration(version: 99, phase: .expand)
    let plan = stage.upgrade
    let answer = try await stage.run(
      .apply(try stage.order(broken, after: plan.schemaBefore, epoch, of: plan)), of: plan)
    #expect(answer.ended.status != 0)
    let failure = try #require(answer.message?.failure)
    #expect(failure.message.contains("99"))
    #expect(answer.message?.result == .nothing)
  }

  @Test func `a rehearsal without servers shows nothing, and ends with 4`() async throws {
    let stage = try await StepStage(.sqlite)
    let epoch = try await stage.install()
    let plan = stage.upgrade
    let backUp = StepOrder.backUp("b", run: plan.run, purpose: .beforeExpand)
    _ = try await stage.done(backUp, of: plan, epoch: epoch)
    _ = try await stage.done(.verify("b"), of: plan, epoch: epoch)
    let answer = try await stage.run(.prove("b"), of: plan, epoch: epoch)
    #expect(answer.ended.status == 4, "\(answer.ended.text)")
    guard case .verdict(let verdict)? = answer.message?.result else { throw StepStage.Unfit() }
    #expect(verdict.judgement == .unknown)
    #expect(!verdict.evidence.isEmpty)
  }

  @Test func `a database that is not there is a failure that may pass`() async throws {
    let stage = try await StepStage(.postgres)
    let scope = try stage.scope(nil)
    let plan = stage.directory.file("plan.json")
    try Data(scope.document.bytes).write(to: URL(filePath: plan))
    let log = stage.directory.file("log")
    let ended = try Program.run(
      "windlass",
      [
        "step", "inspect", "--plan", plan, "--plan-digest", "sha256:\(scope.document.digest)",
        "--order", StepOrder.inspect.text, "--work", stage.directory.path, "--message", log,
      ],
      environment: [
        StepVariables.database: "postgres://nobody:hunter2@127.0.0.1:1/none?connect_timeout=2"
      ])
    #expect(ended.status == 1)
    let data = try Data(contentsOf: URL(filePath: log))
    let failure = try #require(StepMessage([UInt8](data))?.failure)
    #expect(failure.disposition != .stop, "\(failure)")
    #expect(!(ended.text + failure.message).contains("hunter2"))
  }
}
