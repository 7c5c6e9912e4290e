extension Stepper {
  /// How the controller replaces instances that keeps them; nil where Windlass itself does.
  var shape: WorkloadShape? {
    guard let run = record.run else { return record.policy.workload }
    return run.plan.workload
  }

  // MARK: Folding in

  /// Folds in a workload: its instances become what the rest of the core knows as a fleet.
  mutating func absorb(_ workload: WorkloadReading) {
    guard shape != nil else { return }
    // One that is older than the last was not long under way, but is an old one.
    let isOld = watch.workload.map { $0.asOf > workload.asOf } ?? false
    let before = Dictionary(
      (watch.workload?.instances ?? []).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }
    )
    watch.workload = workload
    remember(workload.template)
    for instance in workload.instances {
      name(instance)
      // It was not ready all the while, although nobody looked just then.
      if let old = before[instance.id], old.readinessMark != instance.readinessMark {
        watch.readySince[instance.id] = nil
      }
    }
    absorb(fleet(of: workload))
    watch.fleetTook = isOld ? .zero : max(.zero, now - workload.asOf)
    missThose(notIn: workload)
    for instance in workload.instances { locate(instance, asOf: workload.asOf) }
    dropDead()
  }

  /// Tells the release of an instance whose image is known only now, and that one was sent away.
  private mutating func name(_ instance: WorkloadInstance) {
    guard let known = record.instances.first(where: { $0.id == instance.id }) else { return }
    if known.release == .unknown, let version = instance.build.flatMap(version(of:)) {
      let window = window(of: version)
      change(instance.id) {
        $0.release = version
        $0.window = window
      }
    }
    if instance.isLeaving, known.stoppedAt == nil {
      let now = now
      change(instance.id) { $0.stoppedAt = now }
    }
  }

  /// Keeps where an instance runs, and excuses the restarts and the time that its machine cost it.
  private mutating func locate(_ instance: WorkloadInstance, asOf: Timestamp) {
    if !instance.hasStarted { watch.patientSince[instance.id] = asOf }
    guard let known = record.instances.first(where: { $0.id == instance.id }) else { return }
    if known.isMissing != nil { change(instance.id) { $0.isMissing = nil } }
    guard let place = instance.place, known.place != place else { return }
    if known.place != nil { watch.patientSince[instance.id] = asOf }
    change(instance.id) {
      if $0.place != nil { $0.restartsExcused = instance.restarts }
      $0.place = place
    }
  }

  /// The dead count only while they may be held against a release of the open run.
  private mutating func dropDead() {
    let run = record.run
    record.instances.removeAll { instance in
      guard instance.isDead else { return false }
      guard let run, !run.isCommitted, instance.stoppedAt == nil else { return true }
      return instance.release != run.plan.source?.version
        && instance.release != run.plan.target.version
    }
  }

  /// The reading as one of a fleet, with every instance that nobody saw end.
  private func fleet(of workload: WorkloadReading) -> FleetReading {
    let named = Set(workload.instances.map(\.id))
    let listed = workload.instances.map { reading(of: $0, in: workload) }
    let unseen = record.instances.filter { $0.mayBeAlive && !named.contains($0.id) }
    return FleetReading(
      instances: listed
        + unseen.map { instance in
          InstanceReading(
            id: instance.id, release: instance.release,
            life: isOver(instance, in: workload) ? .dead : .unknown,
            isDraining: instance.stoppedAt != nil, detail: "nobody saw its end")
        }, asOf: workload.asOf)
  }

  private func reading(
    of instance: WorkloadInstance, in workload: WorkloadReading
  ) -> InstanceReading {
    let known = record.instances.first { $0.id == instance.id }
    let release =
      known.map(\.release) ?? instance.build.flatMap(version(of:)) ?? .unknown
    let machine = machine(of: instance.place ?? known?.place, in: workload)
    let isGone = instance.life == .unknown && machine?.isGone ?? false
    // Where only a probe can tell its version, nothing else is said of it before.
    let version = instance.reportedVersion ?? (instance.isReady ? release.description : nil)
    return InstanceReading(
      id: instance.id, release: release, life: isGone ? .dead : instance.life,
      isDraining: instance.isLeaving, isReady: instance.isReady, reportedVersion: version,
      exit: instance.life == .dead && !instance.isLeaving ? instance.exit : nil,
      detail: instance.detail)
  }

  private func machine(
    of place: InstancePlace?, in workload: WorkloadReading
  ) -> MachineReading? {
    place.flatMap { place in workload.machines.first { $0.name == place.machine } }
  }

  /// Whether what carried a missing instance is positively no more: its machine, or the boot that
  /// the machine was on when the instance was missing already.
  private func isOver(_ instance: InstanceRecord, in workload: WorkloadReading) -> Bool {
    guard let machine = machine(of: instance.place, in: workload) else { return false }
    if machine.isGone { return true }
    guard instance.isMissing == true, let now = machine.boot, let then = instance.place?.boot else {
      return false
    }
    return now != then
  }

  /// Keeps which boot each missing instance was missing on first.
  private mutating func missThose(notIn workload: WorkloadReading) {
    let named = Set(workload.instances.map(\.id))
    for instance in record.instances
    where instance.mayBeAlive && instance.isMissing == nil && !named.contains(instance.id) {
      guard let boot = machine(of: instance.place, in: workload)?.boot else { continue }
      change(instance.id) {
        $0.isMissing = true
        $0.place?.boot = boot
      }
    }
  }

  /// The version of an image that this service knows.
  private func version(of build: Digest) -> Version? {
    let nearest = [record.run?.plan.target, record.run?.plan.source, record.deployed]
    return (nearest.compactMap { $0 } + (watch.offer?.releases ?? []))
      .first { $0.imageDigest == build }?.version
  }

  /// With a journal goes the knowledge of instances that nobody saw end. One name stands for all
  /// of them, and may be alive until a person has looked and says that none is.
  mutating func doubtWhatWasForgotten(_ ledger: LedgerReading) {
    guard shape != nil else { return }
    record.instances.append(
      InstanceRecord(
        id: InstanceID("\(record.policy.service)-before-the-journal"), release: .unknown,
        window: SchemaWindow(at: ledger.version ?? SchemaVersion(0)), startedAt: now))
  }

  // MARK: Other hands

  /// Keeps what the workload is like when that is our own doing, or nobody's concern.
  private mutating func remember(_ template: WorkloadTemplate) {
    let seen = WorkloadMemory(template)
    guard let known = record.workload, known != seen else {
      record.workload = seen
      return
    }
    // An order took effect, be it one that was thought lost.
    if known.mark != seen.mark, template.isAsOrdered { record.workload = seen }
    // Without a run its owner may change what has nothing to do with releases.
    let isSameBuild = template.build == nil || template.build == record.deployed?.imageDigest
    if known.mark == seen.mark, record.run == nil, isSameBuild { record.workload = seen }
  }

  /// Takes a person's word that the workload may be as it was last seen; what is changed about it
  /// later, or was not seen yet, is not meant.
  mutating func letWorkloadStand() {
    guard shape != nil, let template = watch.workload?.template else { return }
    record.workload = WorkloadMemory(template)
  }

  /// What somebody else changed about the workload; while it stands, nothing is written to it.
  func intrusion() -> Block? {
    guard rules.yieldsToPeople, shape != nil, let workload = watch.workload else { return nil }
    let service = record.policy.service
    if case .foreign(let who)? = workload.hold {
      return Block(
        code: "WorkloadPaused",
        message: "\(who) paused the workload of \(service): nothing more is done until the pause "
          + "is taken away")
    }
    guard isEdited(workload.template) else { return nil }
    let build = workload.template.build?.text ?? "an image that no digest names"
    return Block(
      code: "WorkloadEdited",
      message: "\(workload.template.editor ?? "somebody") changed the workload of \(service), and "
        + "it now says \(build): nothing is written over it. Put it back"
        + (record.run == nil
          ? ", or `windlass adopt --version V` if V is what it runs"
          : "; `windlass resume` keeps all but another image, `windlass rollback` nothing of it"))
  }

  private func isEdited(_ template: WorkloadTemplate) -> Bool {
    if let known = record.workload, known != WorkloadMemory(template) { return true }
    // Whatever a person let stand, an image that nobody ordered is no release of this run; on the
    // way back it does not matter what is left.
    if record.run?.phase == .rollBack { return false }
    if let mark = template.mark { return mark.build != template.build }
    let expected = (record.run?.plan.source ?? record.deployed)?.imageDigest
    guard let build = template.build, let expected else { return false }
    return build != expected
  }
}

extension Version {
  /// Stands for a version that nobody knows.
  static let unknown = Version(0, 0, 0, prerelease: ["unknown"])
}
