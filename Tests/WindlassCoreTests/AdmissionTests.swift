import Testing

@testable import WindlassCore

/// What the gate says to whoever owns a roll, over everything that it looks at.
@Suite struct AdmissionTests {
  typealias Change = @Sendable (inout ServiceState) -> Void

  static let first = WorkloadTests.first
  static let second = WorkloadTests.second
  static let now = Samples.now + .seconds(2)

  /// A run in that phase whose gate is open to the second release, on schema 4: both work with it.
  static func state(_ phase: RunPhase = .roll, _ change: Change = { _ in }) -> ServiceState {
    var state = WorkloadTests.rolling(.signalled)
    state.record.run?.phase = phase
    state.record.run?.orderedAt = Samples.now
    let mark = OrderMark(
      id: "beacon-r1/1-whole-e1", run: Stage.plan.run, epoch: Epoch(1), aim: .whole,
      build: second.imageDigest)
    let reading = WorkloadTests.reading {
      $0.template = WorkloadTemplate(build: second.imageDigest, revision: "2", mark: mark)
    }
    state.watch.workload = reading
    state.watch.fleet = FleetReading(instances: [], asOf: reading.asOf)
    state.watch.ledger = Samples.ledger(4, applied: [3, 4])
    change(&state)
    return state
  }

  /// The same service without a run, on that release.
  static func rest(_ deployed: Release, _ change: Change = { _ in }) -> ServiceState {
    state(.roll) {
      $0.record.run = nil
      $0.record.deployed = deployed
      change(&$0)
    }
  }

  static func code(_ admission: Admission) -> String {
    switch admission {
    case .open: "open"
    case .closed(let block): block.code
    case .recalled(let block): "recalled \(block.code)"
    }
  }

  @Test func `each phase lets in what may be there until it ends`() {
    var open: [Version: [RunPhase]] = [:]
    for phase in RunPhase.allCases where phase != .rollBack {
      for version in [Self.first.version, Self.second.version] {
        if Self.state(phase).admission(of: version, at: Self.now) == .open {
          open[version, default: []].append(phase)
        }
      }
    }
    #expect(
      open[Self.first.version] == [
        .prepare, .preflight, .backUp, .verify, .prove, .approve, .expand, .observe, .roll, .soak,
      ])
    #expect(
      open[Self.second.version] == [
        .roll, .soak, .commit, .contractBackUp, .contractVerify, .contract, .finish,
      ])
    // No third release is any affair of the run.
    let third = Self.state().admission(of: Version(1, 2, 0), at: Self.now)
    #expect(Self.code(third) == "NotWanted")
  }

  /// What closes the gate to the target, by itself.
  static let bars: [(code: String, change: Change)] = [
    ("NotKnown", { $0.watch.ledger = nil }),
    ("NotKnown", { $0.watch.fleet = nil }),
    ("NotKnown", { $0.watch.began = nil }),
    (
      "NotKnown",
      {
        $0.watch.began = now + .hours(-1)
        $0.watch.fleet?.asOf = now + .seconds(-61)
      }
    ),
    ("NotKnown", { $0.watch.ledger?.asOf = now + .minutes(-7) }),
    ("NotKnown", { $0.watch.ledger?.epoch = Epoch(2) }),
    ("NotKnown", { $0.record.epoch = nil }),
    (
      "NotKnown",
      { $0.watch.unreadable = StepFailure(code: "Away", disposition: .retry, message: "it is") }
    ),
    ("DirtyLedger", { $0.watch.ledger?.isDirty = true }),
    ("SchemaOutsideWindow", { $0.watch.ledger?.version = SchemaVersion(3) }),
    ("SchemaOutsideWindow", { $0.watch.ledger?.version = SchemaVersion(6) }),
    ("SchemaOutsideWindow", { $0.watch.ledger?.version = nil }),
    ("NotYet", { $0.watch.workload = nil }),
    ("NotYet", { $0.watch.workload?.hold = .ours }),
    ("NotYet", { $0.watch.workload?.template.mark = nil }),
    ("NotYet", { $0.watch.workload?.template.mark?.run = "beacon-r0" }),
    ("NotYet", { $0.watch.workload?.template.mark?.aim = .retreat }),
    ("NotYet", { $0.watch.workload?.template.build = first.imageDigest }),
    ("Paused", { $0.record.isPaused = true }),
    (
      "ByPerson",
      { $0.record.pending = [Decision(choice: .rollback, by: "ann")] }
    ),
    (
      "WorkloadEdited",
      { $0.record.run?.block = Block(code: "WorkloadEdited", message: "somebody did") }
    ),
    (
      "MigrationUnderWay",
      { $0.record.inFlight = InFlight(id: "beacon-r1/9-contract", action: migration(6)) }
    ),
    (
      "MigrationUnderWay",
      { $0.record.unresolved = InFlight(id: "beacon-r1/9-contract", action: migration(6)) }
    ),
  ]

  static func migration(_ version: UInt64) -> Action {
    .apply(
      MigrationOrder(
        run: Stage.plan.run,
        migration: Migration(version: SchemaVersion(version), phase: .contract),
        archive: Samples.archive, after: SchemaVersion(4), epoch: Epoch(1)), checking: nil)
  }

  @Test(arguments: bars.indices)
  func `whatever is not known or not so closes the gate`(index: Int) {
    let bar = Self.bars[index]
    let admission = Self.state(.roll, bar.change).admission(of: Self.second.version, at: Self.now)
    #expect(Self.code(admission) == bar.code)
  }

  @Test func `the old release is shut out before its schema goes`() {
    let contract = InFlight(id: "beacon-r1/9-contract", action: Self.migration(5))
    let begun = Self.state(.soak) { $0.record.inFlight = contract }
    let first = begun.admission(of: Self.first.version, at: Self.now)
    #expect(Self.code(first) == "MigrationUnderWay")
    #expect(begun.admission(of: Self.second.version, at: Self.now) == .open)
    let committed = Self.state(.roll) { $0.record.run?.isCommitted = true }
    let late = committed.admission(of: Self.first.version, at: Self.now)
    #expect(Self.code(late) == "PastCommitPoint")
    let contracted = Self.rest(Self.second) { $0.watch.ledger?.version = SchemaVersion(5) }
    #expect(
      Self.code(contracted.admission(of: Self.first.version, at: Self.now)) == "NotWanted")
    #expect(contracted.admission(of: Self.second.version, at: Self.now) == .open)
  }

  @Test func `the old release comes back only where it was shown to work on what is written`() {
    let unproven = Self.state { $0.record.run?.verdict?.coversRollback = false }
    let first = unproven.admission(of: Self.first.version, at: Self.now)
    #expect(Self.code(first) == "RollbackUnproven")
    // Before the gate opened nothing was written by the new one.
    let before = Self.state(.observe) {
      $0.record.run?.verdict?.coversRollback = false
      $0.record.run?.orderedAt = nil
    }
    #expect(before.admission(of: Self.first.version, at: Self.now) == .open)
  }

  @Test func `a run that turned back recalls its target and lets the source in`() {
    let back: Change = {
      $0.record.run?.direction = .rollback
      $0.record.run?.turnedBackFor = Block(code: "AnalysisFailed", message: "it answers wrongly")
    }
    let turned = Self.state(.rollBack, back)
    #expect(turned.admission(of: Self.first.version, at: Self.now) == .open)
    #expect(
      turned.admission(of: Self.second.version, at: Self.now)
        == .recalled(
          Block(
            code: "TakenBack", message: "1.1.0 is to be taken back: it answers wrongly")))
    let stands = Self.state(.rollBack) {
      back(&$0)
      $0.record.run?.block = Block(code: "RollbackUnproven", message: "decide")
    }
    let first = stands.admission(of: Self.first.version, at: Self.now)
    #expect(Self.code(first) == "RollbackUnproven")
  }

  @Test func `a release in quarantine is recalled until somebody releases it`() {
    let barred: Change = {
      $0.record.quarantine = [
        Quarantine(
          version: Self.second.version, build: Self.second.build,
          reason: Block(code: "NeverReady", message: "it was not"), since: Self.now)
      ]
    }
    let (first, second) = (Self.first.version, Self.second.version)
    let rest = Self.rest(Self.first, barred)
    #expect(rest.admission(of: first, at: Self.now) == .open)
    #expect(Self.code(rest.admission(of: second, at: Self.now)) == "recalled TakenBack")
    let open = Self.state(.roll, barred).admission(of: Self.second.version, at: Self.now)
    #expect(Self.code(open) == "recalled TakenBack")
    // What is deployed has nowhere to go back to, and neither has what is past its commit point.
    #expect(Self.rest(Self.second, barred).admission(of: second, at: Self.now) == .open)
    let committed = Self.state(.contract) {
      barred(&$0)
      $0.record.run?.isCommitted = true
    }
    #expect(committed.admission(of: Self.second.version, at: Self.now) == .open)
    // Another build of it is another release.
    let rebuilt = Self.rest(Self.first) {
      barred(&$0)
      var release = Self.second
      release.artifact = nil
      $0.watch.offer = Samples.offer([Self.first, release])
    }
    #expect(Self.code(rebuilt.admission(of: Self.second.version, at: Self.now)) == "NotWanted")
  }

  @Test func `without a run what is deployed may start for as long as somebody looks`() {
    let rest = Self.rest(Self.first)
    #expect(rest.admission(of: Self.first.version, at: Self.now) == .open)
    #expect(Self.code(rest.admission(of: Self.second.version, at: Self.now)) == "NotWanted")
    let later = Self.now + .minutes(16)
    #expect(Self.code(rest.admission(of: Self.first.version, at: later)) == "NotKnown")
    let stands = Self.rest(Self.first) {
      $0.record.block = Block(code: "FenceLost", message: "another daemon took it")
    }
    #expect(Self.code(stands.admission(of: Self.first.version, at: Self.now)) == "FenceLost")
    let unknown = Self.rest(Self.first) { $0.record.deployed = nil }
    #expect(Self.code(unknown.admission(of: Self.first.version, at: Self.now)) == "NotWanted")
  }
}
