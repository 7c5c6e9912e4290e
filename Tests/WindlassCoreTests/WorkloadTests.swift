import Testing
import WindlassCore

/// Decisions about a workload that a controller keeps, each shown by a step or two.
@Suite struct WorkloadTests {
  static func named(_ release: Release, _ digit: Character) -> Release {
    var release = release
    release.image = "registry.example/beacon@sha256:\(String(repeating: digit, count: 64))"
    return release
  }

  static let first = named(Samples.first, "a")
  static let second = named(Samples.second, "b")

  /// A run at the beginning of its roll.
  static func rolling(_ shape: WorkloadShape = .surging) -> ServiceState {
    var stage = Stage(.roll, applied: [3, 4])
    stage.record.policy.workload = shape
    stage.record.deployed = first
    stage.record.run?.plan.source = first
    stage.record.run?.plan.target = second
    stage.record.run?.plan.workload = shape
    return ServiceState(record: stage.record, watch: stage.watch)
  }

  /// Three ready instances of the source, each on a machine of its own.
  static func reading(
    after interval: Interval = .seconds(1), _ change: (inout WorkloadReading) -> Void = { _ in }
  ) -> WorkloadReading {
    var reading = WorkloadReading(
      instances: (1...3).map { number in
        WorkloadInstance(
          id: InstanceID("pod-\(number)"), build: first.imageDigest, isReady: true,
          place: InstancePlace(machine: "m\(number)", boot: "1"))
      },
      machines: (1...3).map { MachineReading(name: "m\($0)", boot: "1") },
      template: WorkloadTemplate(build: first.imageDigest, revision: "1"), desired: 3, token: "1",
      asOf: Samples.now + interval)
    change(&reading)
    return reading
  }

  static func told(_ state: ServiceState, _ reading: WorkloadReading) -> Step {
    var ledger = Samples.ledger(4, applied: [3, 4])
    ledger.asOf = reading.asOf
    return step(state, Observation(workload: reading, ledger: ledger), now: reading.asOf)
  }

  @Test func `an image is known by its digest and by nothing else`() {
    var release = Self.first
    #expect(release.imageDigest == Digest(String(repeating: "a", count: 64)))
    for image in [nil, "beacon:1.0", "beacon@sha256:ab", "beacon@sha512:\(release.build)"] {
      release.image = image
      #expect(release.imageDigest == nil, "\(image ?? "none")")
    }
  }

  @Test(arguments: [
    (
      WorkloadShape.surging,
      WorkloadAim.wave(WaveBound(good: 0, surge: 1, unavailable: 0))
    ),
    (.ordered, .wave(WaveBound(good: 0, surge: 0, unavailable: 1))),
    (.byRemoval, .wave(WaveBound(good: 0, surge: 0, unavailable: 1))),
    (.signalled, .whole),
  ])
  func `the first order lets the canary come`(shape: WorkloadShape, aim: WorkloadAim) throws {
    let effect = Self.told(Self.rolling(shape), Self.reading()).effect
    guard case .perform(_, .order(let order, let gate)) = effect else {
      Issue.record("no order: \(String(describing: effect))")
      return
    }
    #expect(order.aim == aim)
    #expect(order.release == Self.second)
    #expect(order.token == "1")
    #expect(order.removing == (shape == .byRemoval ? ["pod-1"] : []))
    #expect(gate == StartGate(window: Self.second.window, epoch: Epoch(1)))
  }

  /// What is ordered while a wave is under way and the highest of three places holds that instance.
  static func ordered(
    _ shape: WorkloadShape, aim: WorkloadAim, beside change: (inout WorkloadInstance) -> Void
  ) -> WorkloadOrder? {
    let mark = OrderMark(
      id: "beacon-wave-1-e1", run: Stage.plan.run, epoch: Epoch(1), aim: aim,
      build: second.imageDigest)
    let reading = reading {
      $0.template = WorkloadTemplate(build: second.imageDigest, revision: "2", mark: mark)
      change(&$0.instances[2])
    }
    guard case .perform(_, .order(let order, _)) = told(rolling(shape), reading).effect else {
      return nil
    }
    return order
  }

  @Test(arguments: [
    WorkloadAim.wave(WaveBound(good: 0, surge: 0, unavailable: 1)), .whole,
  ])
  func `a place that a third release holds and never serves in is cleared in mid-wave`(
    aim: WorkloadAim
  ) {
    let third = Digest(String(repeating: "c", count: 64))
    let order = Self.ordered(.ordered, aim: aim) {
      $0.build = third
      $0.isReady = false
    }
    #expect(order?.aim == aim)
    #expect(order?.release == Self.second)
    #expect(order?.removing == ["pod-3"])
    // One that serves is replaced by the controller, one of the source may serve again, and where
    // instances come beside the others none stands in the way.
    #expect(Self.ordered(.ordered, aim: aim) { $0.build = third } == nil)
    #expect(Self.ordered(.ordered, aim: aim) { $0.isReady = false } == nil)
    let surging = Self.ordered(.surging, aim: aim) {
      $0.build = third
      $0.isReady = false
    }
    #expect(surging == nil)
  }

  @Test func `a place that another release is crashing in is told while the old fleet is watched`()
    throws
  {
    var state = Self.rolling(.ordered)
    state.record.run?.phase = .observe
    var messages: [String] = []
    for (second, isReady) in [(Int64(120), false), (121, true), (122, false)] {
      let reading = Self.reading(after: .seconds(second)) {
        $0.instances[2].build = Digest(String(repeating: "c", count: 64))
        $0.instances[2].isReady = isReady
      }
      state = Self.told(state, reading).state
      let block = try #require(state.record.run?.block)
      #expect(block.code == "OldFleetUnhealthy")
      messages.append(block.message)
    }
    #expect(state.record.run?.phase == .observe)
    // It comes and goes, and what is said of it stays.
    #expect(Set(messages).count == 1)
    #expect(messages[0].contains("Instance pod-3"))
    #expect(messages[0].contains("remove it"))
  }

  @Test func `a wave that is ordered anew counts no more as good than are`() {
    let order = Self.ordered(
      .ordered, aim: .wave(WaveBound(good: 1, surge: 0, unavailable: 1))
    ) {
      $0.build = Digest(String(repeating: "c", count: 64))
      $0.isReady = false
    }
    #expect(order?.aim == .wave(WaveBound(good: 0, surge: 0, unavailable: 1)))
    #expect(order?.removing == ["pod-3"])
  }

  @Test func `a reading that took longer than the pause between two is new when it comes`() {
    let reading = Self.reading { $0.hold = .foreign("kubectl") }
    var ledger = Samples.ledger(4, applied: [3, 4])
    ledger.asOf = reading.asOf
    let came = reading.asOf + .seconds(30)
    let seen = step(
      Self.rolling(), Observation(workload: reading, ledger: ledger), now: came)
    #expect(seen.effect == nil)
    #expect(seen.state.record.run?.block?.code == "WorkloadPaused")
    let soon = step(seen.state, Observation(), now: came + .milliseconds(4_900))
    #expect(soon.effect == nil)
    let later = step(seen.state, Observation(), now: came + .seconds(5))
    #expect(later.effect == .observe)
    // One that began before it was not long under way, and nothing is decided on it.
    let earlier = Self.reading(after: .zero)
    let stale = step(
      seen.state, Observation(workload: earlier), now: came + .milliseconds(100))
    #expect(stale.effect == .observe)
    // One that was on its way for an hour is an old one, however new it looks.
    let hour = step(
      Self.rolling(), Observation(workload: reading, ledger: ledger),
      now: reading.asOf + .hours(1))
    #expect(hour.effect == .observe)
  }

  @Test func `a run is opened on a ledger that took long to be read, and not on an old one`() {
    var record = Samples.record(deployed: Self.first)
    record.policy.workload = .surging
    record.epoch = Epoch(1)
    let began = Samples.now
    let came = began + .seconds(40)
    var ledger = Samples.ledger(2)
    ledger.asOf = began
    let reading = Self.reading(after: .seconds(39))
    let offer = Samples.offer([Self.first, Self.second])
    var watch = Watch()
    watch.began = began
    let opened = step(
      ServiceState(record: record, watch: watch),
      Observation(workload: reading, ledger: ledger, offer: offer), now: came)
    #expect(opened.state.record.run?.plan.target == Self.second)
    guard case .perform(_, .prepare) = opened.effect else {
      Issue.record("\(String(describing: opened.effect))")
      return
    }
    // At rest it is not read again for minutes; a run needs a new one then.
    let rested = step(
      ServiceState(record: record, watch: watch), Observation(workload: reading, ledger: ledger),
      now: came
    ).state
    let late = came + .minutes(5)
    let again = Self.reading(after: .seconds(40) + .minutes(5))
    let asked = step(rested, Observation(workload: again, offer: offer), now: late)
    #expect(asked.effect == .inspect)
  }

  @Test func `what somebody else changed or paused is not written over`() {
    let paused = Self.told(Self.rolling(), Self.reading { $0.hold = .foreign("kubectl") })
    #expect(paused.effect == nil)
    #expect(paused.state.record.run?.block?.code == "WorkloadPaused")

    var state = Self.rolling()
    state = Self.told(state, Self.reading { $0.hold = .foreign("kubectl") }).state
    let edited = Self.told(
      state, Self.reading(after: .seconds(7)) { $0.template.revision = "2" })
    #expect(edited.effect == nil)
    #expect(edited.state.record.run?.block?.code == "WorkloadEdited")
    // As soon as it is as it was, the run goes on by itself.
    let mended = Self.told(edited.state, Self.reading(after: .seconds(13)))
    #expect(mended.effect != nil)
    #expect(mended.state.record.run?.block == nil)
  }

  @Test func `a new boot ends only an instance that was missing before it`() throws {
    var state = Self.rolling()
    /// Looks at a workload without its first instance, whose machine is on that boot.
    func mayBeAlive(_ after: Interval, _ machine: MachineReading) throws -> Bool {
      let reading = Self.reading(after: after) {
        $0.hold = .foreign("kubectl")
        $0.instances.removeFirst()
        $0.machines[0] = machine
      }
      state = Self.told(state, reading).state
      let pod = try #require(state.record.instances.first { $0.id == "pod-1" })
      return pod.mayBeAlive
    }
    state = Self.told(state, Self.reading { $0.hold = .foreign("kubectl") }).state
    // It may have been begun again on this boot, and sent away without anybody to see it.
    #expect(try mayBeAlive(.seconds(7), MachineReading(name: "m1", boot: "2")))
    #expect(try mayBeAlive(.seconds(13), MachineReading(name: "m1", boot: "2")))
    #expect(try mayBeAlive(.seconds(19), MachineReading(name: "m1", boot: nil)))
    #expect(try !mayBeAlive(.seconds(25), MachineReading(name: "m1", boot: "3")))
  }

  @Test func `a machine that is gone takes its instances along, one that is left out does not`()
    throws
  {
    var state = Self.rolling()
    state = Self.told(state, Self.reading { $0.hold = .foreign("kubectl") }).state
    state =
      Self.told(
        state,
        Self.reading(after: .seconds(7)) {
          $0.hold = .foreign("kubectl")
          $0.instances = []
          $0.machines = [MachineReading(name: "m1", boot: nil, isGone: true)]
        }
      ).state
    let alive = state.record.instances.filter(\.mayBeAlive).map(\.id)
    #expect(alive == ["pod-2", "pod-3"])
  }
}
