import Testing
import WindlassCore

/// Which run is opened for an offer, and why none is.
@Suite struct ResolveTests {
  private static func resolve(
    _ record: ServiceRecord, _ releases: [Release], _ ledger: LedgerReading, expires: Int64 = .max
  ) -> Resolution {
    WindlassCore.resolve(
      record, Samples.offer(releases, expires: expires), ledger, now: Samples.now)
  }

  private static func plan(_ resolution: Resolution) -> Plan? {
    guard case .open(let plan) = resolution else { return nil }
    return plan
  }

  private static func code(_ resolution: Resolution) -> String? {
    guard case .blocked(let block) = resolution else { return nil }
    return block.code
  }

  @Test func `an empty database and no instance make an install with every migration`() throws {
    let plan = try #require(
      Self.plan(
        Self.resolve(
          Samples.record(deployed: nil), [Samples.first, Samples.second],
          Samples.ledger(nil, hasTables: false))))
    #expect(plan.kind == .install)
    #expect(plan.target == Samples.second)
    #expect(plan.expansion.map(\.version) == [1, 2, 3, 4, 5])
    #expect(plan.contraction.isEmpty)
  }

  @Test func `an upgrade holds its contract back`() throws {
    let plan = try #require(
      Self.plan(
        Self.resolve(
          Samples.record(deployed: Samples.first), [Samples.first, Samples.second],
          Samples.ledger(2))))
    #expect(plan.kind == .upgrade)
    #expect(plan.expansion.map(\.version) == [3, 4])
    #expect(plan.contraction.map(\.version) == [5])
  }

  @Test func `the newest deployed release needs nothing`() {
    let resolution = Self.resolve(
      Samples.record(deployed: Samples.second), [Samples.first, Samples.second], Samples.ledger(5))
    #expect(resolution == .upToDate)
  }

  @Test func `tables without a ledger row are not touched`() {
    let resolution = Self.resolve(
      Samples.record(deployed: nil), [Samples.first], Samples.ledger(nil))
    #expect(Self.code(resolution) == "TablesWithoutLedger")
  }

  @Test func `a ledger that somebody else wrote waits for adoption`() {
    let resolution = Self.resolve(Samples.record(deployed: nil), [Samples.first], Samples.ledger(2))
    #expect(Self.code(resolution) == "NotAdopted")
  }

  @Test func `a dirty ledger stops everything`() {
    for deployed in [nil, Samples.first] {
      let resolution = Self.resolve(
        Samples.record(deployed: deployed), [Samples.first, Samples.second],
        Samples.ledger(2, isDirty: true))
      #expect(Self.code(resolution) == "DirtyLedger")
    }
  }

  @Test func `a schema outside the deployed window is somebody's change`() {
    let resolution = Self.resolve(
      Samples.record(deployed: Samples.first), [Samples.first, Samples.second], Samples.ledger(5))
    #expect(Self.code(resolution) == "SchemaOutsideWindow")
  }

  @Test func `a contract below an expand needs its own release first`() {
    let third = Samples.release(Version(1, 2, 0), Samples.window(4, 6), [(6, .expand)])
    let resolution = Self.resolve(
      Samples.record(deployed: Samples.first), [Samples.first, Self.withdrawn, third],
      Samples.ledger(2))
    #expect(Self.code(resolution) == "ContractInTheWay")
  }

  @Test func `a path goes through the release whose contract is in the way`() throws {
    let third = Samples.release(Version(1, 2, 0), Samples.window(4, 6), [(6, .expand)])
    let resolution = Self.resolve(
      Samples.record(deployed: Samples.first), [Samples.first, Samples.second, third],
      Samples.ledger(2))
    #expect(Self.plan(resolution)?.target == Samples.second)
  }

  @Test func `an instance in the way is told before what only a publisher mends`() throws {
    let third = Samples.release(Version(1, 2, 0), Samples.window(4, 6), [(6, .expand)])
    let releases = [Samples.first, Samples.second, third]
    var record = Samples.record(deployed: Samples.first)
    record.instances = [
      InstanceRecord(
        id: "beacon-3", release: third.version, window: third.window, startedAt: Samples.now)
    ]
    let blocked = Self.resolve(record, releases, Samples.ledger(2))
    #expect(Self.code(blocked) == "InstanceInDoubt")
    record.instances = []
    let open = Self.resolve(record, releases, Samples.ledger(2))
    #expect(Self.plan(open)?.target == Samples.second)
  }

  @Test func `a required stop comes first`() throws {
    let stop = Samples.release(
      Version(1, 1, 0), Samples.window(4, 5), [(3, .expand), (4, .backfill), (5, .contract)],
      isRequiredStop: true)
    let third = Samples.release(Version(1, 2, 0), Samples.window(6, 6), [(6, .expand)])
    let plan = Self.plan(
      Self.resolve(
        Samples.record(deployed: Samples.first), [Samples.first, stop, third], Samples.ledger(2)))
    #expect(plan?.target.version == Version(1, 1, 0))
  }

  @Test func `a window that the expanded schema leaves allows no upgrade without downtime`() {
    let narrow = Samples.release(
      Version(1, 0, 0), Samples.window(2, 2), [(1, .expand), (2, .expand)])
    let resolution = Self.resolve(
      Samples.record(deployed: narrow), [narrow, Samples.second], Samples.ledger(2))
    #expect(Self.code(resolution) == "WindowMismatch")
  }

  @Test func `a surplus of our own is allowed and a stranger's is not`() {
    let old = Samples.release(Version(1, 0, 0), Samples.window(2, 4), [(1, .expand), (2, .expand)])
    let hotfix = Samples.release(Version(1, 0, 1), Samples.window(2, 4))
    let record = Samples.record(deployed: old)
    let ours = Self.resolve(record, [old, hotfix], Samples.ledger(4, applied: [1, 2, 3, 4]))
    #expect(Self.plan(ours)?.target.version == Version(1, 0, 1))
    let strange = Self.resolve(record, [old, hotfix], Samples.ledger(4, applied: [1, 2]))
    #expect(Self.code(strange) == "UnknownSurplus")
  }

  @Test func `an expired manifest starts nothing`() {
    let resolution = Self.resolve(
      Samples.record(deployed: Samples.first), [Samples.first, Samples.second], Samples.ledger(2),
      expires: Samples.now.milliseconds)
    #expect(Self.plan(resolution) == nil)
  }

  @Test func `a young release waits until it is old enough`() {
    var record = Samples.record(deployed: Samples.first)
    record.policy.minimumAge = .hours(1)
    var young = Samples.second
    young.published = Samples.now
    let resolution = Self.resolve(record, [Samples.first, young], Samples.ledger(2))
    #expect(resolution == .wait(until: Samples.now + .hours(1)))
  }

  private static var withdrawn: Release {
    var release = Samples.second
    release.yank = Yank(reason: "loses data", remedy: "wait")
    return release
  }

  @Test func `a withdrawn, quarantined, unwanted or foreign release is not chosen`() {
    let yanked = Self.withdrawn
    var record = Samples.record(deployed: Samples.first)
    #expect(Self.resolve(record, [Samples.first, yanked], Samples.ledger(2)) == .upToDate)

    var beta = Samples.second
    beta.channel = "beta"
    #expect(Self.resolve(record, [Samples.first, beta], Samples.ledger(2)) == .upToDate)

    record.policy.versions = VersionRange("<1.1.0") ?? .any
    let both = [Samples.first, Samples.second]
    #expect(Self.resolve(record, both, Samples.ledger(2)) == .upToDate)
  }

  @Test func `a refused release is left alone for a while`() {
    var record = Samples.record(deployed: Samples.first)
    record.refusedUntil = Samples.now + .seconds(30)
    let resolution = Self.resolve(record, [Samples.first, Samples.second], Samples.ledger(2))
    #expect(resolution == .wait(until: Samples.now + .seconds(30)))
  }

  @Test func `a path has the fewest hops and steps on no barred release`() {
    let releases = (0...4).map { Samples.release(Version(1, $0, 0), Samples.window(1, 1)) }
    let all = ReleaseGraph(releases) { _ in false }
    let straight = all.path(from: Version(1, 0, 0), to: Version(1, 4, 0))
    #expect(straight?.map(\.version) == [Version(1, 4, 0)])

    let stepwise = releases.map { release in
      var release = release
      release.upgradeFrom = VersionRange(">=1.\(max(release.version.minor, 2) - 2).0")
      return release
    }
    let graph = ReleaseGraph(stepwise) { $0.version == Version(1, 2, 0) }
    let path = graph.path(from: Version(1, 0, 0), to: Version(1, 4, 0))
    #expect(path == nil || path?.contains { $0.version == Version(1, 2, 0) } == false)
    #expect(all.path(from: Version(1, 4, 0), to: Version(1, 0, 0)) == nil)
  }

  @Test func `a start is admitted in exactly one of the rows of its truth table`() {
    let gate = StartGate(window: Samples.window(2, 4), epoch: Epoch(1))
    var admitted = 0
    for isDirty in [false, true] {
      for version in [nil, UInt64(1), 3, 5] {
        for epoch in [nil, Epoch(1), Epoch(2)] {
          var ledger = Samples.ledger(version, isDirty: isDirty)
          ledger.epoch = epoch
          if gate.admits(ledger) { admitted += 1 }
        }
      }
    }
    #expect(admitted == 1)
  }
}
