import WindlassCore
import WindlassWire

/// What a journal in a cluster knows of one service: the service's own page, and its runs'.
struct JournalChapter: Sendable {
  /// One object with its page.
  struct Leaf: Sendable {
    var reference: ObjectReference
    var uid: String
    /// The resourceVersion that was read last.
    var version: String
    /// What stood in its status when it was read or written last.
    var stamp: JournalStamp?
    var page: JournalPage
    var outcome: UpgradeRunStatus.Outcome?

    init(_ object: KubernetesObject, as type: ResourceType, page: JournalPage) {
      reference = ObjectReference(type, object.name, in: object.namespace)
      uid = object.uid
      version = object.resourceVersion
      stamp = JournalStamp(object)
      self.page = page
      outcome = object.body.value(at: "/status/outcome")?.string
        .flatMap { UpgradeRunStatus.Outcome(rawValue: $0) }
    }
  }

  let service: ServiceName
  /// The ManagedService.
  var home: Leaf
  /// The annotation as it stood when it was read or written last.
  var markText: String?
  /// The first record that counts.
  var first: UInt64 = 1
  var runs: [RunID: Leaf] = [:]
  /// The run that holds the newest record; nil for the service itself.
  var place: RunID?
  /// The newest number that was ever given.
  var number: UInt64 = 0
  /// What the newest state says.
  var outline = StateOutline()

  /// The object that holds the newest record.
  var current: Leaf { place.flatMap { runs[$0] } ?? home }

  /// Every record that counts, oldest first.
  var records: [JournalRecord] {
    ([home] + runs.values).flatMap { $0.page.records(of: service) }
      .filter { $0.sequence >= first }.sorted { $0.sequence < $1.sequence }
  }

  /// Whether the annotation names the place of the newest record.
  var isMarked: Bool {
    guard case .mark(let mark) = JournalMark.reading(markText), mark.first == first else {
      return false
    }
    return mark.place == markedPlace
  }

  /// The next annotation that names the place of the newest record.
  var mark: JournalMark {
    JournalMark(number: current.page.number, first: first, term: term + 1, place: markedPlace)
  }

  private var term: UInt64 {
    guard case .mark(let mark) = JournalMark.reading(markText) else { return 0 }
    return mark.term
  }

  private var markedPlace: JournalMark.Place? {
    guard let place, let leaf = runs[place] else { return nil }
    return JournalMark.Place(run: place, uid: leaf.uid)
  }

  /// Which run's object a record goes to; nil for the service's own.
  ///
  /// A state goes to the run that it holds, or that it ends; whatever else happens while a run is
  /// open goes there, too.
  func destination(of record: JournalRecord, _ outline: StateOutline?) -> RunID? {
    let open = self.outline.plan?.run
    guard let outline else { return open }
    if let plan = outline.plan { return plan.run }
    guard let run = record.run, runs[run] != nil, run == place || run == open else { return nil }
    return run
  }
}

/// What a journal looks up in a state that it stores: the run that is open, and how others ended.
struct StateOutline: Hashable, Sendable {
  var plan: Plan?
  var phase: RunPhase?
  var epoch: Epoch?
  var pastRuns: [RunSummary] = []

  /// Nothing is known: no run is open.
  init() {}

  /// The outline of a record; nil for one that is no state.
  init?(_ record: JournalRecord) {
    guard record.kind == .state else { return nil }
    self.init()
    // One that is not understood here is for whoever wrote it; no run is read out of it.
    guard let stored = StepCoding.read(ServiceRecord.self, Array(record.payload.utf8)) else {
      return
    }
    plan = stored.run?.plan
    phase = stored.run?.phase
    epoch = stored.epoch
    pastRuns = stored.pastRuns
  }

  /// How a run ended; nil while it has not, or when that is forgotten.
  func outcome(of run: RunID) -> UpgradeRunStatus.Outcome? {
    guard plan?.run != run, let ended = pastRuns.last(where: { $0.run == run }) else { return nil }
    switch ended.ending {
    case .completed: return .completed
    case .rolledBack: return .rolledBack
    case .refused: return .refused
    }
  }
}
