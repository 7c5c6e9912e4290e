import SimulatedCluster
import Synchronization
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import WindlassSimulation

/// The service's outside in a world: its database with ledger, history and fence, its backups, its
/// rehearsals, and the pods that run. Steps do to it what real ones do to a real one, and are
/// refused where those are.
///
/// At each change it is looked at whether every pod that runs works with the schema as it is then.
final class ServiceModel: StandInWork {
  /// What took place, counted.
  struct Counts: Hashable, Sendable {
    /// How often each migration took effect.
    var migrations: [UInt64: Int] = [:]
    /// Parts of a backfill that were committed before its end.
    var backfillParts = 0
    /// Backups that were taken; one that was there already is none.
    var backups = 0
    /// Commit points that were recorded anew.
    var commitPoints = 0
    /// Pods that began to run, and ended, by release.
    var podsStarted: [String: Int] = [:]
    var podsStopped: [String: Int] = [:]
    /// Steps that did something, by kind; an attempt that was refused is none.
    var steps: [String: Int] = [:]
    /// Steps that were refused, by the code.
    var refusals: [String: Int] = [:]
    /// Fences that were taken.
    var fences = 0
  }

  /// A step that a pod carried out.
  struct Step: Hashable, Sendable {
    /// The name of its Job.
    var job: String
    var kind: StepKind
    /// The code of its failure; nil when it did what it was told.
    var failure: String?
    /// Whether the database or its backups are otherwise than before.
    var hasChanged: Bool
  }

  /// What tells whether a step changed anything.
  private struct Footprint: Hashable {
    var epoch: Epoch?
    var version: SchemaVersion?
    var applied: Int
    var rowsWalked: Int64?
    var committedRun: RunID?
    var backups: Int
  }

  private struct State {
    var footprint: Footprint {
      Footprint(
        epoch: database.epoch, version: database.version, applied: database.applied.count,
        rowsWalked: database.backfill?.progress.rowsWalked, committedRun: database.committedRun,
        backups: backups.count)
    }

    var steps: [Step] = []
    var database = SimulatedDatabase(version: ServiceScene.schemaBefore)
    var backups = SimulatedBackups()
    var counts = Counts()
    /// Releases of the pods that run, by uid.
    var running: [String: String] = [:]
    var breaches: [String] = []
    var judgement = Judgement.safe
    /// Releases whose pods fail their probes.
    var broken: Set<String> = []
    /// Rehearsals that were begun.
    var generations = 0
  }

  private let state = Mutex(State())
  private let clock: any RunClock

  init(clock: any RunClock) { self.clock = clock }

  // MARK: - What a test looks at

  var counts: Counts { state.withLock { $0.counts } }

  /// The steps that were carried out, in order.
  var steps: [Step] { state.withLock { $0.steps } }

  /// What the ledger says.
  var schema: UInt64? { state.withLock { $0.database.version?.number } }

  /// The fence's number.
  var epoch: Int64? { state.withLock { $0.database.epoch?.number } }

  /// How many pods of each release run.
  var running: [String: Int] {
    state.withLock { state in
      Dictionary(state.running.values.map { ($0, 1) }, uniquingKeysWith: +)
    }
  }

  /// Moments in which something was not as it must always be, in words.
  var breaches: [String] { state.withLock { $0.breaches } }

  /// Changes what rehearsals find out from now on.
  func judge(_ judgement: Judgement) { state.withLock { $0.judgement = judgement } }

  /// Lets the pods of a release fail their probes from now on.
  func `break`(_ version: String) { state.withLock { _ = $0.broken.insert(version) } }

  // MARK: - Pods

  func began(_ pod: KubernetesObject) {
    // The operator's own, where it is installed, lives elsewhere.
    guard pod.namespace == ServiceScene.namespace else { return }
    let version = Self.release(of: pod)
    state.withLock { state in
      state.running[pod.uid] = version
      state.counts.podsStarted[version, default: 0] += 1
      check(&state, "when \(pod.name) of \(version) began")
    }
  }

  func ended(_ pod: KubernetesObject) {
    state.withLock { state in
      guard let version = state.running.removeValue(forKey: pod.uid) else { return }
      state.counts.podsStopped[version, default: 0] += 1
    }
  }

  private static func release(of pod: KubernetesObject) -> String {
    let image = pod.body.value(at: "/spec/containers/0/image")?.string ?? ""
    return ServiceScene.version(of: image) ?? image
  }

  private func check(_ state: inout State, _ when: String) {
    let schema = state.database.version
    for version in Set(state.running.values).sorted() {
      guard let window = ServiceScene.window(of: version), window.contains(schema) else {
        let text = schema.map { "\($0)" } ?? "nothing"
        state.breaches.append("\(clock.now().rfc3339): schema \(text) under \(version) \(when)")
        continue
      }
    }
  }

  // MARK: - Steps

  func carryOut(_ step: StandInStep) async -> StepMessage {
    let now = clock.now()
    return state.withLock { state in
      let before = state.footprint
      let message = message(of: step, &state, now)
      let job = step.pod.labels["batch.kubernetes.io/job-name"] ?? ""
      state.steps.append(
        Step(
          job: job, kind: step.order.kind, failure: message.failure?.code,
          hasChanged: state.footprint != before))
      return message
    }
  }

  private func message(
    of step: StandInStep, _ state: inout State, _ now: Timestamp
  ) -> StepMessage {
    var message = StepMessage(
      kind: step.order.kind, plan: step.plan, order: step.order.digest)
    do throws(StepFailure) {
      try Self.checkFence(step, state.database)
      message.result = try result(of: step, &state, now)
      state.counts.steps[step.order.kind.rawValue, default: 0] += 1
    } catch {
      message.failure = error
      state.counts.refusals[error.code, default: 0] += 1
    }
    if step.order.kind.role != nil {
      message.epoch = state.database.epoch
      message.ledger = state.database.version
    }
    return message
  }

  /// What every step does at first: those that neither look nor compare by themselves are refused
  /// where the fence is another's. A migration is refused before its ledger is read, as by drivers.
  private static func checkFence(
    _ step: StandInStep, _ database: SimulatedDatabase
  ) throws(StepFailure) {
    guard let epoch = step.epoch, step.order.kind.role != nil else { return }
    switch step.order {
    case .inspect, .fence, .checkFence, .commit: return
    default: guard database.epoch == epoch else { throw SimulatedDatabase.fenceLost }
    }
  }

  private func result(
    of step: StandInStep, _ state: inout State, _ now: Timestamp
  ) throws(StepFailure) -> StepResult {
    switch step.order {
    case .fence(let current, _):
      let epoch = try state.database.takeFence(after: current)
      state.counts.fences += 1
      return .fenced(epoch)
    case .inspect: return .ledger(LedgerMessage(state.database.reading(asOf: now)))
    case .preflight:
      guard let plan = step.run else { return .nothing }
      try state.database.preflight(plan, at: now)
      return .nothing
    case .backUp, .verify, .checkBackup, .prune: return try backup(step.order, &state)
    case .prove, .goOn: return rehearsal(step, &state)
    case .visit(let question): return .visited("turn \(question.turn)")
    case .apply(let order): return try apply(order, &state, now)
    case .commit(let run, let epoch):
      let isNew = state.database.committedRun != run
      try state.database.recordCommitPoint(run, epoch: epoch)
      if isNew { state.counts.commitPoints += 1 }
      return .nothing
    case .probe(let question): return .probed(question.pods.compactMap { answer($0, state) })
    case .checkFence(let epoch):
      guard state.database.epoch == epoch else { throw SimulatedDatabase.fenceLost }
      return .nothing
    case .prepare, .command, .isolate: return .nothing
    }
  }

  private func backup(
    _ order: StepOrder, _ state: inout State
  ) throws(StepFailure) -> StepResult {
    switch order {
    case .backUp(let id, let run, let purpose):
      let before = state.backups.count
      let receipt = try state.backups.take(
        id, run: run, purpose: purpose, of: state.database, isDamaged: false, isForeign: false)
      state.counts.backups += state.backups.count - before
      return .backup(receipt)
    case .verify(let id): return .backup(try state.backups.verify(id))
    case .checkBackup(let id): return .backup(try state.backups.receipt(of: id))
    case .prune(let keep, let protected):
      state.backups.prune(keep: keep, protecting: Set(protected))
      return .nothing
    default: return .nothing
    }
  }

  /// Visits the old server, then the new one, and judges.
  private func rehearsal(_ step: StandInStep, _ state: inout State) -> StepResult {
    var turn = 0
    if case .goOn(_, let outcome) = step.order {
      turn = outcome.turn + 1
    } else {
      state.generations += 1
    }
    let releases = [step.run?.source, step.run?.target].compactMap(\.self)
    guard turn < releases.count, let image = releases[turn].image else {
      return .verdict(
        Verdict(
          judgement: state.judgement, checks: 2, coversRollback: true,
          evidence: ["the model says so"]))
    }
    var generation = "rehearsal-\(state.generations)"
    if case .goOn(_, let outcome) = step.order { generation = outcome.generation }
    return .waits(
      VisitQuestion(
        generation: generation, turn: turn, version: releases[turn].version, image: image,
        request: "probes", forbidden: nil))
  }

  /// A backfill takes two Jobs, every other migration one.
  private func apply(
    _ order: MigrationOrder, _ state: inout State, _ now: Timestamp
  ) throws(StepFailure) -> StepResult {
    guard try state.database.begins(order, at: now) else { return .nothing }
    if order.migration.phase == .backfill, state.database.backfill == nil {
      state.counts.backfillParts += 1
      return .advanced(state.database.advance(order))
    }
    state.database.commit(order)
    state.counts.migrations[order.migration.version.number, default: 0] += 1
    check(&state, "after migration \(order.migration.version)")
    return .nothing
  }

  private func answer(_ pod: PodQuestion.Pod, _ state: State) -> ProbeAnswer? {
    guard let identity = PodIdentity(pod.id), let version = state.running[identity.uid] else {
      return nil
    }
    let failure = state.broken.contains(version) ? "flags: the server answered with 500" : nil
    return ProbeAnswer(id: pod.id, reportedVersion: version, failure: failure)
  }
}
