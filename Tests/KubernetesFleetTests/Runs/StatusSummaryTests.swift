import Testing
import WindlassWire

@testable import KubernetesFleet
@testable import WindlassCore

/// What a service shows of itself.
struct StatusSummaryTests {
  private let start = Timestamp(milliseconds: 1_800_000_000_000)

  /// A service at rest with two of two instances ready, everything read.
  private func rest() -> ServiceState {
    var record = ServiceRecord(
      policy: ServicePolicy(service: "beacon", rollout: RolloutPolicy(replicas: 2)))
    let release = Chronicle.release(Version(1, 0, 0))
    record.deployed = release
    var watch = Watch()
    for number in 1...2 {
      let id = InstanceID("beacon-\(number)")
      record.instances.append(
        InstanceRecord(
          id: id, release: release.version, window: release.window, startedAt: start))
      watch.readySince[id] = start
    }
    watch.fleet = FleetReading(instances: [], asOf: start)
    watch.ledger = LedgerReading(
      version: SchemaVersion(3), isDirty: false, epoch: nil, applied: [], asOf: start)
    watch.offer = Offer(manifest: "m", serial: 7, releases: [release], expires: start + .hours(1))
    return ServiceState(record: record, watch: watch)
  }

  private func news(
    _ state: ServiceState,
    feed: FeedReport = FeedReport(isFetched: true, reason: "Fetched", message: ""),
    trouble: StepFailure? = nil, answers: [DecisionStatus] = [], after: Interval = .zero
  ) -> StatusNews {
    StatusNews(
      state: state, feed: feed, generation: 4, trouble: trouble, answers: answers,
      now: start + after)
  }

  private func shown(_ status: ManagedServiceStatus) -> [String] {
    (status.conditions ?? []).map { "\($0.type)=\($0.status.rawValue) \($0.reason)" }
  }

  @Test func `a service at rest is ready, and nothing about it is unknown`() {
    let status = StatusSummary.service(news(rest()), after: nil)
    #expect(
      shown(status) == [
        "Ready=True AsWanted", "Progressing=False Idle", "ManifestFetched=True Fetched",
        "ManifestFresh=True Fresh", "SchemaClean=True Clean", "Degraded=False AsExpected",
      ])
    #expect(status.deployedVersion == "1.0.0")
    #expect(status.schemaVersion == 3)
    #expect(status.observedGeneration == 4)
    #expect(status.conditions?.allSatisfy { $0.observedGeneration == 4 } == true)
  }

  @Test func `each service stands in one way`() {
    #expect(ServiceStanding(news(rest())) == .ready)
    var state = rest()
    state.watch.readySince.removeValue(forKey: "beacon-2")
    #expect(ServiceStanding(news(state)) == .unready)
    state.record = Chronicle.opening(state.record)
    #expect(ServiceStanding(news(state)) == .progressing)
    state.record.isPaused = true
    #expect(ServiceStanding(news(state)) == .paused)
    var waiting = news(state)
    waiting.waiting = Block(code: "WaitsForTurn", message: "50 are at work")
    #expect(ServiceStanding(waiting) == .waiting)
    waiting.state.record.run?.block = Block(code: "ProofUnsafe", message: "a query fails")
    #expect(ServiceStanding(waiting) == .blocked)
    waiting.trouble = StepFailure(
      code: "BadConfiguration", disposition: .stop, message: "spec.fleet is missing")
    #expect(ServiceStanding(waiting) == .notDriven)
    #expect(ServiceStanding.allCases.count == 8)
  }

  @Test func `a run whose roll somebody else owns says when it waits for that`() {
    var state = rest()
    state.record = Chronicle.opening(state.record)
    let progress = { (state: ServiceState) in
      StatusSummary.service(self.news(state), after: nil).conditions?
        .first { $0.type == "Progressing" }
    }
    state.record.run?.phase = .roll
    state.record.run?.orderedAt = start
    #expect(progress(state)?.reason == "Roll")
    state.record.run?.plan.workload = .signalled
    #expect(progress(state)?.reason == "WaitingForRollout")
    #expect(progress(state)?.status == .yes)
    // Before the gate is open there is nothing to wait for, and after the roll neither.
    state.record.run?.orderedAt = nil
    #expect(progress(state)?.reason == "Roll")
    state.record.run?.orderedAt = start
    state.record.run?.phase = .soak
    #expect(progress(state)?.reason == "Soak")
  }

  @Test func `one that waits for its turn says so, and is as ready as it was`() {
    var waiting = news(rest())
    waiting.waiting = Block(code: "WaitsForTurn", message: "50 are at work")
    let status = StatusSummary.service(waiting, after: nil)
    #expect(shown(status).prefix(2) == ["Ready=True AsWanted", "Progressing=False WaitsForTurn"])
  }

  @Test func `each thing that is amiss shows in its condition`() {
    var missing = rest()
    missing.watch.readySince.removeValue(forKey: "beacon-2")
    #expect(
      shown(StatusSummary.service(news(missing), after: nil))[0] == "Ready=False InstancesMissing")
    var dirty = rest()
    dirty.watch.ledger?.isDirty = true
    #expect(shown(StatusSummary.service(news(dirty), after: nil))[4] == "SchemaClean=False Dirty")
    let late = StatusSummary.service(news(rest(), after: .hours(1)), after: nil)
    #expect(shown(late)[3] == "ManifestFresh=False Expired")
    var blocked = rest()
    blocked.record.block = Block(code: "NoPath", message: "no way")
    let status = StatusSummary.service(news(blocked), after: nil)
    #expect(shown(status)[0] == "Ready=False NoPath")
    #expect(shown(status)[5] == "Degraded=True NoPath")
    var running = rest()
    running.record = Chronicle.opening(running.record)
    running.record.run?.phase = .backUp
    let open = StatusSummary.service(news(running), after: nil)
    #expect(shown(open)[0] == "Ready=False RunOpen")
    #expect(shown(open)[1] == "Progressing=True BackUp")
    #expect(open.run == "beacon-r1")
    #expect(open.targetVersion == "1.1.0")
    running.record.isPaused = true
    #expect(
      shown(StatusSummary.service(news(running), after: nil))[1] == "Progressing=False Paused")
    let lost = StepFailure(code: "JournalLost", disposition: .stop, message: "gone")
    let troubled = StatusSummary.service(news(rest(), trouble: lost), after: nil)
    #expect(shown(troubled)[0] == "Ready=False JournalLost")
    #expect(shown(troubled)[5] == "Degraded=True JournalLost")
  }

  @Test func `a run that came to nothing is told until the next attempt, and no longer`() {
    var refused = rest()
    refused.record = Chronicle.ending(Chronicle.opening(refused.record), as: .refused)
    refused.record.pastRuns[0].reason = Block(
      code: "WorkloadNothingRuns", message: "No pods are wanted. Scale it.")
    refused.record.refusedUntil = start + .seconds(30)
    let until = (start + .seconds(30)).rfc3339
    let told = StatusSummary.service(news(refused), after: nil)
    #expect(shown(told)[0] == "Ready=True AsWanted")
    #expect(shown(told)[1] == "Progressing=False RunRefused")
    #expect(told.conditions?[1].message == "no run starts before \(until)")
    #expect(shown(told)[5] == "Degraded=True WorkloadNothingRuns")
    #expect(
      told.conditions?[5].message
        == "beacon-r1 to 1.1.0 came to nothing, and another run begins at \(until) or when "
        + "somebody resumes: No pods are wanted. Scale it.")
    let later = StatusSummary.service(news(refused, after: .seconds(30)), after: told)
    #expect(shown(later)[1] == "Progressing=False Idle")
    #expect(shown(later)[5] == "Degraded=False AsExpected")
    // The next attempt speaks for itself.
    refused.record = Chronicle.opening(refused.record)
    refused.record.run?.phase = .preflight
    let again = StatusSummary.service(news(refused), after: told)
    #expect(shown(again)[1] == "Progressing=True Preflight")
    #expect(shown(again)[5] == "Degraded=False AsExpected")
  }

  @Test func `a time of transition changes with the status and with nothing else`() throws {
    let first = StatusSummary.service(news(rest()), after: nil)
    var blocked = rest()
    blocked.record.block = Block(code: "NoPath", message: "no way")
    let second = StatusSummary.service(news(blocked, after: .minutes(1)), after: first)
    blocked.record.block = Block(code: "NotAdopted", message: "whose is it")
    let third = StatusSummary.service(news(blocked, after: .minutes(2)), after: second)
    let times = [first, second, third].map { status in
      status.conditions?.map(\.lastTransitionTime) ?? []
    }
    let (begin, later) = (start.rfc3339, (start + .minutes(1)).rfc3339)
    #expect(times[0] == Array(repeating: begin, count: 6))
    #expect(times[1] == [later, begin, begin, begin, begin, later])
    #expect(times[2] == times[1])
    #expect(third.conditions?[0].reason == "NotAdopted")
  }

  @Test func `a wish under which nothing can be read is not ready, whatever was seen before it`() {
    let before = StatusSummary.service(news(rest()), after: nil)
    var blind = rest()
    blind.watch = Watch()
    blind.watch.unreadable = StepFailure(
      code: "WorkloadMissing", disposition: .wait, message: "there is no web")
    // Of the same wish what was seen last still counts: it may be the server that does not answer.
    #expect(shown(StatusSummary.service(news(blind), after: before))[0] == "Ready=True AsWanted")
    var changed = news(blind)
    changed.generation = 5
    let after = StatusSummary.service(changed, after: before)
    #expect(shown(after)[0] == "Ready=False WorkloadMissing")
    #expect(shown(after)[5] == "Degraded=True WorkloadMissing")
    changed.state = rest()
    #expect(shown(StatusSummary.service(changed, after: after))[0] == "Ready=True AsWanted")
  }

  @Test(
    arguments: [
      ("spec.source.channel", "nightly", "*", true),
      ("spec.source.versions", "stable", "<1.0.0", true),
      ("spec.database.engine", "stable", "*", false),
    ])
  func `a wish that no release of the manifest fits says which field shuts them out`(
    field: String, channel: String, versions: String, hasReleases: Bool
  ) throws {
    var state = rest()
    state.record.policy.channel = channel
    state.record.policy.versions = try #require(VersionRange(versions))
    if !hasReleases { state.watch.offer?.releases = [] }
    let fetched = StatusSummary.service(news(state), after: nil).conditions?[2]
    #expect(fetched?.status == .yes)
    #expect(fetched?.message.contains(field) == true)
    #expect(StatusSummary.service(news(rest()), after: nil).conditions?[2].message.isEmpty == true)
  }

  @Test func `what was not read since a restart is still what was seen last`() {
    let before = StatusSummary.service(news(rest()), after: nil)
    var blind = rest()
    blind.watch = Watch()
    let after = StatusSummary.service(
      news(blind, feed: .pending, after: .minutes(1)), after: before)
    #expect(after == before)
    let anew = StatusSummary.service(news(blind, feed: .pending), after: nil)
    #expect(
      shown(anew) == [
        "Ready=Unknown NotRead", "Progressing=False Idle", "ManifestFetched=Unknown NotRead",
        "ManifestFresh=Unknown NotRead", "SchemaClean=Unknown NotRead",
        "Degraded=False AsExpected",
      ])
  }

  @Test func `a run shows whether it goes, what blocks it, and how it ended`() {
    var state = rest()
    state.record = Chronicle.opening(state.record)
    state.record.policy.needsApproval = true
    state.record.run?.phase = .approve
    let open = StatusSummary.run(news(state), after: nil)
    #expect(open?.run == "beacon-r1")
    let told = { (run: RunSummaryStatus?) in
      (run?.conditions ?? []).map { "\($0.type)=\($0.status.rawValue) \($0.reason)" }
    }
    #expect(
      told(open) == [
        "Progressing=True Approve", "Blocked=False AsExpected", "Approved=False Waiting",
      ])
    state.record.approved = Version(1, 1, 0)
    state.record.run?.block = Block(code: "InstanceInDoubt", message: "one")
    #expect(
      told(StatusSummary.run(news(state), after: nil)) == [
        "Progressing=False InstanceInDoubt", "Blocked=True InstanceInDoubt",
        "Approved=True Approved",
      ])
    state.record = Chronicle.ending(state.record, as: .rolledBack)
    var previous = UpgradeRunStatus()
    previous.conditions = open?.conditions
    #expect(
      told(StatusSummary.run(news(state), after: previous)) == [
        "Progressing=False RolledBack", "Blocked=False RolledBack", "Approved=False Waiting",
      ])
    #expect(StatusSummary.run(news(rest()), after: nil) == nil)
  }

  @Test func `foreign text is shown without what a terminal acts on, and within bounds`() {
    var state = rest()
    state.record.block = Block(
      code: "3 bad\u{1B}[31m!", message: "\u{1B}[31m" + String(repeating: "é", count: 5_000))
    let condition = StatusSummary.service(news(state), after: nil).conditions?.last
    #expect(condition?.reason == "Bad31m")
    #expect(condition?.message.contains("\u{1B}") == false)
    #expect((condition?.message.count ?? .max) <= RunBounds.messageLengthMax)
    #expect(StatusText.reason("") == "Unknown")
    #expect(
      StatusText.bounded(String(repeating: "é", count: 900), bytes: 1_024).utf8.count <= 1_024)
  }

  @Test func `two builds of one version are one entry, and answers are told once`() {
    var state = rest()
    for build in ["a", "b"] {
      state.record.quarantine.append(
        Quarantine(
          version: Version(1, 1, 0), build: build,
          reason: Block(code: "NeverReady", message: ""), since: start))
    }
    var answer = DecisionStatus()
    answer.id = "decision-1"
    let first = StatusSummary.service(news(state, answers: [answer]), after: nil)
    #expect(first.quarantined?.map(\.version) == ["1.1.0"])
    #expect(first.decisions?.map(\.id) == ["decision-1"])
    let second = StatusSummary.service(news(state, answers: [answer]), after: first)
    #expect(second.decisions == first.decisions)
  }
}
