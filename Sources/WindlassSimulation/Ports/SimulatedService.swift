package import WindlassCore

/// One service's outside behind the ports: its database, backups, fleet and artifacts as the
/// simulation models them.
///
/// The simulation itself carries effects out on the same models, with dice for everything that may
/// go wrong. Here nothing goes wrong by chance: whoever holds the service says what does.
package actor SimulatedService {
  var database = SimulatedDatabase(version: nil)
  var backups = SimulatedBackups()
  var fleet = SimulatedFleet()
  var artifacts = SimulatedArtifacts()
  /// What a rehearsal finds out.
  var verdict = Verdict(
    judgement: .safe, checks: 3, coversRollback: true, evidence: ["all queries passed"])
  /// How servers behave that are started from now on.
  var behaviour = Behaviour.good
  var isTermIgnored = false
  private(set) var starts = 0
  private let clock: any RunClock

  /// An empty database, no instance and no backup.
  package init(clock: any RunClock) { self.clock = clock }

  /// The time of this call, with everything that was due before it done.
  func tick() -> Timestamp {
    let now = clock.now()
    _ = fleet.newlyDead(at: now)
    return now
  }

  // MARK: What a test does to it

  /// Changes what a rehearsal finds out.
  package func judge(_ verdict: Verdict) { self.verdict = verdict }

  /// Changes how servers behave that are started from now on.
  package func behave(_ behaviour: Behaviour, ignoresTerm: Bool = false) {
    self.behaviour = behaviour
    isTermIgnored = ignoresTerm
  }

  /// Writes the ledger as another tool would.
  package func writeLedger(_ version: SchemaVersion?, isDirty: Bool) {
    database.version = version
    database.isDirty = isDirty
  }

  /// Lets a migration fail whenever it is applied.
  package func breakMigration(_ version: SchemaVersion) { database.failing.insert(version) }

  /// Changes whether somebody holds the database's lock.
  package func setLocked(_ isLocked: Bool) {
    guard isLocked else { return database.late.removeAll() }
    let order = MigrationOrder(
      run: "late", migration: Migration(version: 0, phase: .expand),
      archive: ArchiveReference(url: "", digest: "", size: 0), after: nil, epoch: Epoch(0))
    let never = Timestamp(milliseconds: .max)
    database.late = [LateOrder(order: order, begins: Scenario.dawn, ends: never, hasBegun: true)]
  }

  /// How often a migration took effect.
  package func effects(of version: SchemaVersion) -> Int { database.effects[version] ?? 0 }

  /// Damages a backup, before or after its digest is taken.
  package func damage(_ id: BackupID, isRecorded: Bool) {
    backups.change(id) { backup in
      if isRecorded { backup.isDamaged = true } else { backup.isRotten = true }
    }
  }

  /// Ends an instance as SIGKILL from elsewhere does.
  package func kill(_ id: InstanceID) {
    let now = tick()
    fleet.change(id) { instance in
      instance.diesAt = now
      instance.exit = ExitReport(signal: 9)
    }
  }

  /// Tells one process from every other.
  package func identity(of id: InstanceID) -> Int? { fleet.instance(id)?.number }

  /// Changes what an address of artifacts serves.
  package func publish(_ url: String, _ digest: Digest?) { artifacts.published[url] = digest }

  /// Whether the release's artifact can be fetched now.
  package func isPublished(_ release: Release) -> Bool {
    release.artifact.map { artifacts.published[$0.url] != nil } ?? true
  }

  /// Changes what was unpacked.
  package func tamper(_ digest: Digest) { artifacts.tamper(digest) }
}

// MARK: - The database

extension SimulatedService: ServiceDatabase {
  package func inspect() async throws(StepFailure) -> LedgerReading {
    database.reading(asOf: tick())
  }

  package func takeFence(
    after current: Epoch?, run: RunID
  ) async throws(StepFailure) -> Epoch {
    if let obstacle = database.obstacle(at: tick()) { throw obstacle }
    return try database.takeFence(after: current)
  }

  package func preflight(_ plan: Plan) async throws(StepFailure) {
    try database.preflight(plan, at: tick())
  }

  package func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    guard try database.begins(order, at: tick()) else { return nil }
    database.commit(order)
    return nil
  }

  package func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    if let obstacle = database.obstacle(at: tick()) { throw obstacle }
    try database.recordCommitPoint(run, epoch: epoch)
  }
}

// MARK: - Backups and proof

extension SimulatedService: BackupStore, Rehearsal {
  package func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    try backups.take(
      id, run: run, purpose: purpose, of: database, isDamaged: false, isForeign: false)
  }

  package func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    try backups.verify(id)
  }

  package func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    try backups.receipt(of: id)
  }

  package func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    backups.prune(keep: keep, protecting: protected)
  }

  package func rehearse(_ plan: Plan, on backup: BackupID) async throws(StepFailure) -> Verdict {
    verdict
  }
}

// MARK: - The fleet and its artifacts

extension SimulatedService: Fleet, ArtifactStore {
  package func observe() async throws(StepFailure) -> FleetReading {
    fleet.reading(at: tick())
  }

  package func start(_ order: StartOrder) async throws(StepFailure) {
    let now = tick()
    guard fleet.instance(order.id) == nil else { return }
    starts += 1
    var instance = SimulatedInstance(
      id: order.id, release: order.release.version, behaviour: behaviour,
      window: order.release.window)
    instance.number = starts
    instance.isTermIgnored = isTermIgnored
    instance.readyAt = behaviour == .neverReady ? nil : now + .milliseconds(3)
    if case .crashes(let after) = behaviour {
      instance.diesAt = now + after
      instance.exit = ExitReport(code: 7)
    }
    fleet.instances.append(instance)
  }

  package func stop(_ id: InstanceID) async throws(StepFailure) {
    fleet.stop(id, at: tick(), drain: .milliseconds(3), grace: .milliseconds(10))
  }

  package func probe(
    _ id: InstanceID, with probes: [Probe]
  ) async throws(StepFailure) -> String? {
    try fleet.probe(id, at: tick())
  }

  package func forget(_ id: InstanceID) async throws(StepFailure) {
    try fleet.forget(id, at: tick())
  }

  package func prepare(_ release: Release) async throws(StepFailure) {
    for archive in [release.artifact, release.migrationArchive] {
      if let archive { try artifacts.prepare(archive) }
    }
  }
}
