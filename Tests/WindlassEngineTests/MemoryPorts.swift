import Synchronization
import WindlassCore

/// A service's outside in memory, which tells what was asked of it in order.
final class MemoryOutside: Sendable {
  struct State {
    var epoch: Epoch?
    var version: SchemaVersion?
    var applied: [AppliedMigration] = []
    var committed: RunID?
    var receipts: [BackupID: BackupReceipt] = [:]
    var instances: [InstanceReading] = []
    var calls: [String] = []
    var failures: [String: [StepFailure]] = [:]
    var verdict = Verdict(judgement: .safe, checks: 3, coversRollback: true, evidence: [])
  }

  let state = Mutex(State())

  var calls: [String] { state.withLock(\.calls) }

  /// The next call of that name fails so.
  func fail(_ call: String, _ failure: StepFailure) {
    state.withLock { $0.failures[call, default: []].append(failure) }
  }

  func note(_ call: String) throws(StepFailure) {
    let failure = state.withLock { state -> StepFailure? in
      state.calls.append(call)
      guard var due = state.failures[call], !due.isEmpty else { return nil }
      let first = due.removeFirst()
      state.failures[call] = due
      return first
    }
    if let failure { throw failure }
  }
}

extension MemoryOutside: ServiceDatabase {
  func inspect() async throws(StepFailure) -> LedgerReading {
    state.withLock {
      LedgerReading(
        version: $0.version, epoch: $0.epoch, applied: $0.applied, committedRun: $0.committed,
        hasTables: $0.version != nil, systemID: "memory", asOf: Timestamp(milliseconds: 0))
    }
  }

  func takeFence(after current: Epoch?, run: RunID) async throws(StepFailure) -> Epoch {
    try note("fence")
    return state.withLock { state in
      let next = state.epoch?.next ?? Epoch(1)
      state.epoch = next
      return next
    }
  }

  func preflight(_ plan: Plan) async throws(StepFailure) { try note("preflight") }

  func apply(_ order: MigrationOrder) async throws(StepFailure) {
    try note("apply \(order.migration.version)")
    state.withLock {
      $0.version = order.migration.version
      $0.applied.append(
        AppliedMigration(version: order.migration.version, checksum: "00", run: order.run))
    }
  }

  func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    try note("commit")
    state.withLock { $0.committed = run }
  }
}

extension MemoryOutside: BackupStore {
  func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    try note("back-up")
    return state.withLock { state in
      let receipt = BackupReceipt(
        id: id, run: run, purpose: purpose, digest: "00", systemID: "memory",
        schema: state.version, isVerified: false)
      state.receipts[id] = receipt
      return receipt
    }
  }

  func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    try note("verify")
    let receipt = state.withLock { state -> BackupReceipt? in
      state.receipts[id]?.isVerified = true
      return state.receipts[id]
    }
    guard let receipt else {
      throw StepFailure(code: "NoBackup", disposition: .stop, message: "no backup \(id)")
    }
    return receipt
  }

  func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    state.withLock { $0.receipts[id] }
  }

  func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    try note("prune")
  }
}

extension MemoryOutside: Fleet {
  func observe() async throws(StepFailure) -> FleetReading {
    state.withLock { state in
      // What was told to stop is gone at the next look.
      for index in state.instances.indices where state.instances[index].isDraining {
        state.instances[index].life = .dead
        state.instances[index].isReady = false
      }
      return FleetReading(instances: state.instances, asOf: Timestamp(milliseconds: 0))
    }
  }

  func start(_ order: StartOrder) async throws(StepFailure) {
    try note("start \(order.release.version)")
    state.withLock { state in
      guard !state.instances.contains(where: { $0.id == order.id }) else { return }
      state.instances.append(
        InstanceReading(
          id: order.id, release: order.release.version, life: .alive, isReady: true,
          reportedVersion: order.release.version.description))
    }
  }

  func stop(_ id: InstanceID) async throws(StepFailure) {
    try note("stop")
    state.withLock { state in
      guard let index = state.instances.firstIndex(where: { $0.id == id }) else { return }
      state.instances[index].isDraining = true
    }
  }

  func probe(_ id: InstanceID, with probes: [Probe]) async throws(StepFailure) -> String? {
    try note("probe")
    return nil
  }

  func forget(_ id: InstanceID) async throws(StepFailure) {
    try note("forget")
    state.withLock { $0.instances.removeAll { $0.id == id } }
  }
}

extension MemoryOutside: Rehearsal, ArtifactStore {
  func rehearse(_ plan: Plan, on backup: BackupID) async throws(StepFailure) -> Verdict {
    try note("rehearse")
    return state.withLock(\.verdict)
  }

  func prepare(_ release: Release) async throws(StepFailure) { try note("prepare") }
}

/// A journal in memory that can refuse to write.
final class MemoryJournal: RunJournal {
  private let kept = Mutex<[JournalRecord]>([])
  private let refusesAfter: Int

  init(records: [JournalRecord] = [], refusesAfter: Int = .max) {
    self.refusesAfter = refusesAfter
    kept.withLock { $0 = records }
  }

  var records: [JournalRecord] { kept.withLock { $0 } }

  func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    let sequence = kept.withLock { records -> UInt64? in
      guard records.count < refusesAfter else { return nil }
      records.append(record)
      return UInt64(records.count)
    }
    guard let sequence else {
      throw StepFailure(code: "JournalFailed", disposition: .stop, message: "the disk is full")
    }
    return sequence
  }

  func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    records.last { $0.kind == kind && $0.service == service }
  }

  func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    Array(records.reversed().filter { kinds.contains($0.kind) }.prefix(limit))
  }

  func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    Array(records.dropFirst(Int(sequence)).prefix(limit))
  }
}

/// A clock that jumps to whatever it is asked to wait for.
final class JumpingClock: RunClock {
  private let time = Mutex(Timestamp(milliseconds: 1_000_000))

  func now() -> Timestamp {
    time.withLock { time in
      time = time + .milliseconds(1)
      return time
    }
  }

  func sleep(until due: Timestamp) async {
    time.withLock { $0 = max($0, due) }
    await Task.yield()
  }
}
