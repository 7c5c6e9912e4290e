import Testing
import WindlassCore

/// Decisions about a roll that somebody else owns, each shown by some steps.
@Suite struct OwnerTests {
  static let mark = OrderMark(
    id: "beacon-r1/1-whole-e1", run: Stage.plan.run, epoch: Epoch(1), aim: .whole,
    build: WorkloadTests.second.imageDigest)

  /// The old instances and one of that build, with the gate open to the second release.
  static func reading(
    after interval: Interval, beside build: Digest? = nil,
    _ change: (inout WorkloadInstance) -> Void = { _ in }
  ) -> WorkloadReading {
    WorkloadTests.reading(after: interval) {
      $0.template = WorkloadTemplate(
        build: WorkloadTests.second.imageDigest, revision: "2", mark: mark)
      guard let build else { return }
      var instance = WorkloadInstance(
        id: "pod-4", build: build, place: InstancePlace(machine: "m1", boot: "1"))
      change(&instance)
      $0.instances.append(instance)
      $0.desired = $0.instances.count
    }
  }

  /// Lives through readings of that kind, five seconds apart.
  static func live(
    _ state: ServiceState, from start: Int64, through end: Int64,
    _ reading: (Interval) -> WorkloadReading
  ) -> Step {
    var step = WorkloadTests.told(state, reading(.seconds(start)))
    for second in stride(from: start + 5, through: end, by: 5) {
      step = WorkloadTests.told(step.state, reading(.seconds(second)))
    }
    return step
  }

  @Test func `an owner may take a day to begin`() {
    let start = WorkloadTests.told(
      WorkloadTests.rolling(.signalled), Self.reading(after: .seconds(1)))
    let later = Self.live(start.state, from: 86_400, through: 86_430) { Self.reading(after: $0) }
    #expect(later.effect == nil)
    #expect(later.wakeUp == Samples.now + .seconds(86_430) + Bounds.fleetIdleInterval)
    #expect(later.state.record.run?.block == nil)
    #expect(later.state.record.run?.phase == .roll)
    #expect(later.state.record.run?.direction == .forward)
  }

  @Test func `the ledger is read again while the owner takes its time`() {
    let start = WorkloadTests.told(
      WorkloadTests.rolling(.signalled), Self.reading(after: .seconds(1)))
    #expect(start.effect == nil)
    let reading = Self.reading(after: .seconds(7))
    let later = step(start.state, Observation(workload: reading), now: reading.asOf)
    #expect(later.effect == .inspect)
  }

  /// What a run whose owner was waited for does once the ledger is like that.
  private static func after(
    _ ledger: LedgerReading, isFenced: Bool = true
  ) -> (step: Step, admission: Admission) {
    var state = WorkloadTests.told(WorkloadTests.rolling(.signalled), reading(after: .seconds(1)))
      .state
    state.watch.isFenced = isFenced
    let reading = reading(after: .seconds(7))
    var ledger = ledger
    ledger.asOf = reading.asOf
    let next = step(state, Observation(workload: reading, ledger: ledger), now: reading.asOf)
    return (next, next.state.admission(of: WorkloadTests.second.version, at: reading.asOf))
  }

  @Test(arguments: [(UInt64(6), false, "StartGateClosed"), (4, true, "DirtyLedger")])
  func `a ledger that shuts the gate is told, or its owner would wait for ever`(
    version: UInt64, isDirty: Bool, code: String
  ) {
    let shut = Self.after(Samples.ledger(version, isDirty: isDirty, applied: [3, 4]))
    #expect(shut.admission != .open)
    #expect(shut.step.effect == nil)
    #expect(shut.step.state.record.run?.block?.code == code)
    #expect(shut.step.state.record.run?.direction == .forward)
  }

  @Test func `a fence that another daemon had meanwhile is taken, or the gate would stay shut`() {
    var ledger = Samples.ledger(4, applied: [3, 4])
    ledger.epoch = Epoch(2)
    let shut = Self.after(ledger, isFenced: false)
    #expect(shut.admission != .open)
    guard case .perform(_, .takeFence(after: Epoch(2))) = shut.step.effect else {
      Issue.record("\(String(describing: shut.step.effect))")
      return
    }
  }

  @Test func `a release that its owner takes back is taken back, and not tried again`() throws {
    let second = try #require(WorkloadTests.second.imageDigest)
    let came = Self.live(WorkloadTests.rolling(.signalled), from: 1, through: 6) {
      Self.reading(after: $0, beside: second)
    }
    #expect(came.state.record.run?.hasArrived == true)
    let gone: (Interval) -> WorkloadReading = {
      Self.reading(after: $0, beside: second) {
        $0.life = .dead
        $0.isLeaving = true
      }
    }
    let soon = Self.live(came.state, from: 11, through: 36, gone)
    #expect(soon.state.record.run?.direction == .forward)
    let later = Self.live(soon.state, from: 41, through: 41, gone)
    #expect(later.state.record.run?.direction == .rollback)
    #expect(later.state.record.run?.turnedBackFor?.code == "TakenBackByOwner")
    #expect(later.state.record.quarantine.map(\.version) == [WorkloadTests.second.version])
    guard case .perform(_, .order(let order, _)) = later.effect else {
      Issue.record("\(String(describing: later.effect))")
      return
    }
    #expect(order.aim == .retreat)
    #expect(order.release == WorkloadTests.first)
  }

  @Test func `one that went unseen, or that comes again, is no way back`() throws {
    let second = try #require(WorkloadTests.second.imageDigest)
    let came = Self.live(WorkloadTests.rolling(.signalled), from: 1, through: 6) {
      Self.reading(after: $0, beside: second)
    }
    let unseen = Self.live(came.state, from: 11, through: 61) { Self.reading(after: $0) }
    #expect(unseen.state.record.run?.direction == .forward)
    let again = Self.live(came.state, from: 11, through: 61) { interval in
      Self.reading(after: interval, beside: second) {
        $0.isLeaving = interval.milliseconds / 1_000 % 25 != 11
        $0.life = $0.isLeaving ? .dead : .alive
      }
    }
    #expect(again.state.record.run?.direction == .forward)
  }

  @Test func `what the gate never let start is told, and the roll ends when it is gone`() throws {
    let third = Digest(String(repeating: "c", count: 64))
    let beside = Self.live(WorkloadTests.rolling(.signalled), from: 1, through: 6) {
      Self.reading(after: $0, beside: third)
    }
    #expect(beside.effect == nil)
    let block = try #require(beside.state.record.run?.block)
    #expect(block.code == "InstanceInDoubt")
    #expect(block.message.contains("pod-4"))
    // What is wanted may still come, and takes its place.
    let admission = beside.state.admission(
      of: WorkloadTests.second.version, at: Samples.now + .seconds(6))
    #expect(admission == .open)
    let gone = Self.live(beside.state, from: 11, through: 16) {
      Self.reading(after: $0, beside: third) {
        $0.life = .dead
        $0.isLeaving = true
      }
    }
    #expect(gone.state.record.run?.block == nil)
  }

  @Test func `nothing is committed while what the gate said may still be acted on`() throws {
    let second = try #require(WorkloadTests.second.imageDigest)
    var state = WorkloadTests.rolling(.signalled)
    state.record.run?.phase = .commit
    let new: (Interval) -> WorkloadReading = {
      var reading = Self.reading(after: $0)
      for index in reading.instances.indices { reading.instances[index].build = second }
      return reading
    }
    let waits = Self.live(state, from: 1, through: 56, new)
    #expect(waits.effect == nil)
    // What was let in last is not there to be seen yet.
    var ledger = Samples.ledger(4, applied: [3, 4])
    ledger.asOf = Samples.now + .seconds(61)
    let looks = step(
      waits.state, Observation(workload: waits.state.watch.workload, ledger: ledger),
      now: ledger.asOf)
    #expect(looks.effect == .observe)
    let commits = Self.live(waits.state, from: 61, through: 61, new)
    guard case .perform(_, .recordCommitPoint) = commits.effect else {
      Issue.record("\(String(describing: commits.effect))")
      return
    }
    // Where nobody asks the gate there is nothing to wait for.
    state.record.run?.plan.workload = .surging
    state.record.policy.workload = .surging
    guard case .perform(_, .recordCommitPoint) = Self.live(state, from: 1, through: 1, new).effect
    else {
      Issue.record("a roll of Windlass's own waits")
      return
    }
  }
}
