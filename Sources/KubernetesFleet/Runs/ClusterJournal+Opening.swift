import WindlassCore
import WindlassWire

extension ClusterJournal {
  /// Reads everything that the cluster holds of a service's journal, from its storage.
  func read(_ service: ServiceName) async throws(StepFailure) -> JournalChapter {
    let reference = ObjectReference(.managedServices, service.text, in: namespace)
    let client = client
    let found = try await asking { () async throws(APIError) in try await client.get(reference) }
    guard let found else { throw JournalTrouble.missing(reference) }
    let mark = JournalMark.reading(found.annotations[JournalMark.annotation])
    let opening = JournalOpening(
      service: service, object: found, runs: try await runs(of: found, mark), mark: mark)
    return try opening.chapter()
  }

  /// The runs that belong to a service, those without its label only if the mark names them.
  func runs(
    of service: KubernetesObject, _ mark: JournalMark.Reading
  ) async throws(StepFailure) -> [KubernetesObject] {
    let client = client
    let selection = Selection(
      .upgradeRuns, in: namespace,
      labels: "\(StepLabel.service)=\(StepName.label(service.name))")
    let listed = try await asking { () async throws(APIError) in
      try await client.list(selection)
    }
    var runs = listed.objects.filter { $0.controllerUID == service.uid }
    guard case .mark(let mark) = mark, let place = mark.place,
      !runs.contains(where: { $0.uid == place.uid })
    else { return runs }
    let reference = ObjectReference(.upgradeRuns, place.run.text, in: namespace)
    let named = try await asking { () async throws(APIError) in try await client.get(reference) }
    if let named, named.uid == place.uid { runs.append(named) }
    return runs
  }
}

/// Finds out which object holds the newest record of a service, and whether all is there.
struct JournalOpening {
  let service: ServiceName
  let object: KubernetesObject
  let runs: [KubernetesObject]
  let mark: JournalMark.Reading

  private var reference: ObjectReference {
    ObjectReference(.managedServices, object.name, in: object.namespace)
  }

  /// - Throws: `StepFailure` with `.stop` when records are lost, damaged or of a later build.
  func chapter() throws(StepFailure) -> JournalChapter {
    var chapter = JournalChapter(
      service: service,
      home: JournalChapter.Leaf(
        object, as: .managedServices, page: JournalPage.reading(object).page ?? JournalPage()))
    chapter.markText = object.annotations[JournalMark.annotation]
    for run in runs {
      chapter.runs[RunID(run.name)] = JournalChapter.Leaf(
        run, as: .upgradeRuns, page: JournalPage.reading(run).page ?? JournalPage())
    }
    chapter.number = highest
    switch mark {
    case .newer(let format): throw JournalTrouble.newer(reference, format)
    case .unreadable:
      throw JournalTrouble.corrupt(
        reference, in: reference,
        "the annotation \(JournalMark.annotation) is not one that Windlass writes")
    case .forgotten:
      chapter.first = chapter.number + 1
      chapter.runs = [:]
      return chapter
    case .absent: break
    case .mark(let mark):
      chapter.first = mark.first
      chapter.number = max(chapter.number, mark.number)
      chapter.place = try place(of: mark, chapter)
    }
    return try advanced(chapter)
  }

  /// The highest number that any object tells, right or wrong: none is given twice.
  private var highest: UInt64 {
    let told = ([object] + runs).compactMap { JournalStamp($0)?.number }
    return told.map { UInt64(clamping: $0) }.max() ?? 0
  }

  /// The place that the mark names, with everything that was there.
  private func place(
    of mark: JournalMark, _ chapter: JournalChapter
  ) throws(StepFailure) -> RunID? {
    guard let named = mark.place else {
      try check(object, holds: mark.number)
      return nil
    }
    // A service's own record is newer than a run's only once the run has ended.
    if chapter.home.page.number > mark.number { return nil }
    guard let run = runs.first(where: { $0.uid == named.uid }) else {
      throw JournalTrouble.lost(
        reference, in: ObjectReference(.upgradeRuns, named.run.text, in: object.namespace),
        upTo: mark.number)
    }
    try check(run, holds: mark.number)
    return named.run
  }

  private func check(
    _ holder: KubernetesObject, holds number: UInt64
  ) throws(StepFailure) {
    let type: ResourceType = holder.uid == object.uid ? .managedServices : .upgradeRuns
    let place = ObjectReference(type, holder.name, in: holder.namespace)
    switch JournalPage.reading(holder) {
    case .absent:
      guard number == 0 else { throw JournalTrouble.lost(reference, in: place, upTo: number) }
    case .newer(let format): throw JournalTrouble.newer(reference, format)
    case .damaged(let reason): throw JournalTrouble.corrupt(reference, in: place, reason)
    case .page(let page):
      guard page.number >= number else {
        throw JournalTrouble.lost(reference, in: place, upTo: number)
      }
    }
  }

  /// The chapter with what counts of it.
  ///
  /// What a run's object holds counts once the mark names it: until then nobody was told that it is
  /// durable, and another daemon may have gone on without it.
  private func advanced(_ chapter: JournalChapter) throws(StepFailure) -> JournalChapter {
    var chapter = chapter
    if case .absent = mark {
      try checkAll()
      for (run, leaf) in chapter.runs.sorted(by: { $0.key < $1.key })
      where leaf.page.number > chapter.current.page.number {
        chapter.place = run
      }
    }
    chapter.runs = chapter.runs.filter { run, leaf in
      // Those from before a person let the journal be forgotten are none of its runs.
      chapter.first == 1 || leaf.page.number >= chapter.first || run == chapter.place
    }
    // What a deposed daemon began, and nobody went on with, tells nothing.
    for (run, leaf) in chapter.runs where run != chapter.place && leaf.outcome == nil {
      chapter.runs[run]?.page = JournalPage()
    }
    if let state = chapter.records.last(where: { $0.kind == .state }) {
      chapter.outline = StateOutline(state) ?? StateOutline()
    }
    return chapter
  }

  /// Without a mark nothing else tells which object counts.
  private func checkAll() throws(StepFailure) {
    for holder in [object] + runs where JournalStamp(holder) != nil {
      try check(holder, holds: 0)
    }
  }
}
