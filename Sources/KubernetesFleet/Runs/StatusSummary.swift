package import WindlassCore
import WindlassWire

/// What a ManagedService and its run show of themselves, by the conventions of Kubernetes.
///
/// Pure: what was shown before comes in, because a time of transition changes only with the
/// condition, and what was not read since a restart is still what was seen last.
package enum StatusSummary {
  /// The status of the service, without its journal.
  package static func service(
    _ news: StatusNews, after previous: ManagedServiceStatus?
  ) -> ManagedServiceStatus {
    var status = ManagedServiceStatus()
    let record = news.record
    let ledger = news.state.watch.ledger
    status.observedGeneration = news.generation
    status.deployedVersion = record.deployed.map { "\($0.version)" }
    status.targetVersion = (record.run?.plan.target.version ?? record.deployed?.version)
      .map { "\($0)" }
    status.schemaVersion =
      ledger == nil
      ? previous?.schemaVersion : ledger?.version.map { Int64(clamping: $0.number) }
    status.run = (record.run?.plan.run ?? record.pastRuns.last?.run)?.text
    status.quarantined = quarantined(record)
    status.decisions = decisions(news.answers, previous?.decisions ?? [])
    let conditions = ConditionList(previous?.conditions, news)
    status.conditions = [
      conditions.make("Ready", ready(news)),
      conditions.make("Progressing", progressing(news)),
      conditions.make("ManifestFetched", fetched(news)),
      conditions.make("ManifestFresh", fresh(news)),
      conditions.make("SchemaClean", clean(news)),
      conditions.make("Degraded", degraded(news)),
    ]
    return status
  }

  /// One entry a version, for the list is kept by it.
  private static func quarantined(_ record: ServiceRecord) -> [QuarantineStatus]? {
    var listed: [QuarantineStatus] = []
    for entry in record.quarantine.suffix(100) {
      let version = "\(entry.version)"
      guard !listed.contains(where: { $0.version == version }) else { continue }
      var status = QuarantineStatus()
      status.version = version
      status.digest = entry.build.isEmpty ? nil : String(entry.build.suffix(128))
      status.reason = StatusText.reason(entry.reason.code)
      listed.append(status)
    }
    return listed.isEmpty ? nil : listed
  }

  private static func decisions(
    _ answers: [DecisionStatus], _ previous: [DecisionStatus]
  ) -> [DecisionStatus]? {
    let known = Set(previous.map(\.id))
    let all = previous + answers.filter { !known.contains($0.id) }
    return all.isEmpty ? nil : Array(all.suffix(RunBounds.decisionsTold))
  }

  // MARK: - The service's conditions

  static func ready(_ news: StatusNews) -> Finding {
    let record = news.record
    if let trouble = news.trouble { return .no(trouble.code, trouble.message) }
    if let block = news.block { return .no(block.code, block.message) }
    if let run = record.run {
      return .no("RunOpen", "\(run.plan.run) is in phase \(run.phase.rawValue)")
    }
    guard let deployed = record.deployed else {
      return .no("NotDeployed", "no release is known to be deployed")
    }
    guard news.state.watch.fleet != nil else {
      guard let failure = news.state.watch.unreadable else {
        return .unread("the fleet was not read yet")
      }
      return .unreadable(failure.code, failure.message)
    }
    let wanted = news.state.watch.workload?.desired ?? record.policy.rollout.replicas
    let ready = record.instances.count {
      $0.isWanted && $0.release == deployed.version
        && news.state.watch.readySince[$0.id] != nil
    }
    let text = "\(ready) of \(wanted) instances of \(deployed.version) are ready"
    return ready >= wanted ? .yes("AsWanted", text) : .no("InstancesMissing", text)
  }

  private static func progressing(_ news: StatusNews) -> Finding {
    if let trouble = news.trouble { return .no(trouble.code, trouble.message) }
    if let waiting = news.waiting { return .no(waiting.code, waiting.message) }
    guard let run = news.record.run else {
      if news.record.isPaused { return .no("Paused", "no run starts before somebody resumes") }
      if let refusal = news.refusal {
        return .no("RunRefused", "no run starts before \(refusal.until.rfc3339)")
      }
      return .no("Idle", "no run is open")
    }
    if let block = news.block { return .no(block.code, block.message) }
    if news.record.isPaused {
      return .no("Paused", "\(run.plan.run) stands in phase \(run.phase.rawValue)")
    }
    if run.awaitsOwner {
      return .yes(
        "WaitingForRollout",
        "\(run.plan.target.version) may be rolled out now: \(run.plan.run) waits for whoever owns "
          + "the roll")
    }
    let text = "\(run.plan.run) goes \(run.direction.rawValue) to \(run.plan.target.version)"
    return .yes(StatusText.word(run.phase.rawValue), text)
  }

  private static func fetched(_ news: StatusNews) -> Finding {
    switch news.feed.isFetched {
    case true?:
      .yes(news.feed.reason, news.feed.message.isEmpty ? offered(news) : news.feed.message)
    case false?: .no(news.feed.reason, news.feed.message)
    case nil: .unread(news.feed.message)
    }
  }

  /// What keeps every release of the manifest from becoming the target; empty where nothing does.
  private static func offered(_ news: StatusNews) -> String {
    guard let offer = news.state.watch.offer else { return "" }
    let policy = news.record.policy
    let none = "no release of serial \(offer.serial) is"
    guard !offer.releases.isEmpty else { return "\(none) for the engine in spec.database.engine" }
    guard offer.releases.contains(where: { $0.channel == policy.channel }) else {
      return "\(none) in the channel \(policy.channel) of spec.source.channel"
    }
    guard offer.releases.contains(where: { policy.versions.contains($0.version) }) else {
      return "\(none) in the range \(policy.versions) of spec.source.versions"
    }
    return ""
  }

  private static func fresh(_ news: StatusNews) -> Finding {
    guard let offer = news.state.watch.offer else { return .unread("no manifest was verified yet") }
    let end = "serial \(offer.serial) expires at \(offer.expires.rfc3339)"
    return news.now < offer.expires ? .yes("Fresh", end) : .no("Expired", end)
  }

  private static func clean(_ news: StatusNews) -> Finding {
    guard let ledger = news.state.watch.ledger else {
      return .unread("the ledger was not read yet")
    }
    let version = ledger.version.map { "\($0)" } ?? "nothing"
    return ledger.isDirty
      ? .no("Dirty", "the ledger is dirty at \(version)")
      : .yes("Clean", "the ledger is at \(version)")
  }

  private static func degraded(_ news: StatusNews) -> Finding {
    if let trouble = news.trouble { return .yes(trouble.code, trouble.message) }
    if let block = news.block { return .yes(block.code, block.message) }
    if let hindrance = news.hindrance { return .yes(hindrance.code, hindrance.message) }
    if let failure = news.state.watch.unreadable ?? news.record.retry?.failure {
      return .yes(failure.code, failure.message)
    }
    if let refusal = news.refusal { return .yes(refusal.code, refusal.message) }
    return .no("AsExpected", "")
  }

  // MARK: - The run

  /// The run that is open, or ended last, with its conditions; nil before the first.
  package static func run(
    _ news: StatusNews, after previous: UpgradeRunStatus?
  ) -> RunSummaryStatus? {
    let record = news.record
    let conditions = ConditionList(previous?.conditions, news)
    if let run = record.run {
      return RunSummaryStatus(
        run: run.plan.run,
        conditions: [
          conditions.make("Progressing", progressing(news)),
          conditions.make("Blocked", blocked(run)),
          conditions.make("Approved", approved(run, record)),
        ])
    }
    guard let ended = record.pastRuns.last else { return nil }
    let text = ended.reason?.message ?? ""
    var made = [
      conditions.make("Progressing", .no(ended.ending.rawValue, text)),
      conditions.make("Blocked", .no(ended.ending.rawValue, text)),
    ]
    if let approval = previous?.conditions?.first(where: { $0.type == "Approved" }) {
      made.append(approval)
    }
    return RunSummaryStatus(run: ended.run, conditions: made)
  }

  private static func blocked(_ run: Run) -> Finding {
    guard let block = run.block else { return .no("AsExpected", "") }
    return .yes(block.code, block.message)
  }

  private static func approved(_ run: Run, _ record: ServiceRecord) -> Finding {
    guard record.policy.needsApproval else { return .yes("NotRequired", "") }
    let places = RunPhase.allCases
    let isPast =
      run.phase == .rollBack
      || (places.firstIndex(of: run.phase) ?? 0) > (places.firstIndex(of: .approve) ?? 0)
    if isPast || record.approved == run.plan.target.version { return .yes("Approved", "") }
    return run.phase == .approve
      ? .no("Waiting", "set spec.approvedBy of \(run.plan.run)") : .no("NotYetAsked", "")
  }
}

/// The part of a run's status that is a summary.
package struct RunSummaryStatus: Hashable, Sendable {
  package var run: RunID
  package var conditions: [ConditionStatus]
}

/// What was found out about one condition.
enum Finding: Hashable, Sendable {
  case yes(_ reason: String, _ message: String)
  case no(_ reason: String, _ message: String)
  /// Not looked at since this daemon began.
  case unread(_ message: String)
  /// Looked at in vain since this daemon began, or since the wish changed.
  case unreadable(_ reason: String, _ message: String)
}

/// Makes conditions after those that were shown before.
struct ConditionList: Sendable {
  private let previous: [ConditionStatus]
  private let news: StatusNews

  init(_ previous: [ConditionStatus]?, _ news: StatusNews) {
    self.previous = previous ?? []
    self.news = news
  }

  func make(_ type: String, _ finding: Finding) -> ConditionStatus {
    let last = previous.first { $0.type == type }
    var made = ConditionStatus()
    made.type = type
    made.observedGeneration = news.generation
    let reason: String
    let message: String
    switch finding {
    case .yes(let why, let text): (made.status, reason, message) = (.yes, why, text)
    case .no(let why, let text): (made.status, reason, message) = (.no, why, text)
    case .unread(let text):
      // What was seen last still counts, with the generation that it was seen of.
      if let last { return last }
      (made.status, reason, message) = (.unknown, "NotRead", text)
    case .unreadable(let why, let text):
      // A server that does not answer says nothing against what was seen of the same wish.
      if let last, last.status == .yes, last.observedGeneration == news.generation { return last }
      (made.status, reason, message) = (.no, why, text)
    }
    made.reason = StatusText.reason(reason)
    made.message = StatusText.message(message)
    made.lastTransitionTime =
      last?.status == made.status ? last?.lastTransitionTime ?? "" : news.now.rfc3339
    if made.lastTransitionTime.isEmpty { made.lastTransitionTime = news.now.rfc3339 }
    return made
  }
}

/// Text as conditions and events take it: foreign parts without what a terminal would act on.
enum StatusText {
  /// A reason: a word with its first letter in upper case.
  static func reason(_ code: String) -> String {
    let letters = code.utf8.filter { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: false
      }
    }
    let text = String(
      decoding: letters.drop { (0x30...0x39).contains($0) }.prefix(128), as: UTF8.self)
    return text.isEmpty ? "Unknown" : word(text)
  }

  static func word(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  /// A message: one line of at most so many characters.
  static func message(_ text: String, lengthMax: Int = RunBounds.messageLengthMax) -> String {
    let plain = APIError.printable(text)
    guard plain.count > lengthMax else { return plain }
    return plain.prefix(lengthMax - 1) + "…"
  }
}
