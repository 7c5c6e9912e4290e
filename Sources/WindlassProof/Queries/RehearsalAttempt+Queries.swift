import WindlassCore
import WindlassSchema

/// The queries that a server is known to ask, and what came of them before the migrations.
struct QueryBaseline {
  let version: Version
  let recorded: RecordedQueries
  let outcomes: [QueryOutcome]
}

extension RehearsalAttempt {
  /// Prepares the release's recorded queries on a copy that is not migrated yet: what fails there
  /// already, no migration broke.
  ///
  /// - Returns: nil where nobody published any, or none that can be used.
  func prepareQueries(
    of release: Release, before copy: ScratchCopy
  ) async throws(RehearsalEnd) -> QueryBaseline? {
    guard let reference = release.queries else { return nil }
    let version = release.version
    // Their digest is the plan's, so each turn of a rehearsal may fetch them anew.
    let bytes = try await step("fetch the recorded queries of \(version)", isRemembered: false) {
      () async throws(StepFailure) in
      try await runner.queries(reference)
    }
    let recorded: RecordedQueries
    do throws(QueriesDocumentError) {
      recorded = try QueriesDocument.read(bytes)
    } catch {
      record.unknown.append(
        "the recorded queries of \(version) can't be used: \(Excerpt.plain(error.description))")
      return nil
    }
    guard recorded.engine == runner.scratch.queryEngine else {
      record.unknown.append(
        "the recorded queries of \(version) are for \(Excerpt.plain(recorded.engine, limit: 100)), "
          + "and the database is \(runner.scratch.queryEngine)")
      return nil
    }
    let outcomes = try await prepare(recorded, of: version, "before the migrations", on: copy)
    return QueryBaseline(version: version, recorded: recorded, outcomes: outcomes)
  }

  /// Prepares the same queries on the migrated copy, and records what follows.
  func prepareQueriesAgain(
    _ baseline: QueryBaseline, on copy: ScratchCopy
  ) async throws(RehearsalEnd) {
    let version = baseline.version
    let outcomes = try await prepare(
      baseline.recorded, of: version, "on the schema that \(plan.target.version) expands to",
      on: copy)
    let report = QueriesReport(baseline.recorded, before: baseline.outcomes, after: outcomes)
    record.report.queries = report
    record.checks += report.checked
    file(report, of: version)
    if runner.configuration.scope == .schema, requirement == .rehearsal {
      record.unknown.append(
        "no server of \(version) was run; that its queries can be prepared does not show that it "
          + "works")
    }
  }

  private func prepare(
    _ recorded: RecordedQueries, of version: Version, _ place: String, on copy: ScratchCopy
  ) async throws(RehearsalEnd) -> [QueryOutcome] {
    let title = "prepare the recorded queries of \(version) \(place)"
    return try await step(title) { () async throws(StepFailure) in
      let outcomes = try await runner.scratch.prepare(recorded, on: copy)
      guard outcomes.count == recorded.queries.count else {
        throw StepFailure(
          code: "QueriesMiscounted", disposition: .stop,
          message: "\(outcomes.count) of \(recorded.queries.count) recorded queries of \(version) "
            + "have an outcome, so that none can be told from another; report this as a fault of "
            + "Windlass")
      }
      return outcomes
    }
  }

  /// What was found becomes evidence, and details of the step that found it.
  private func file(_ report: QueriesReport, of version: Version) {
    let place = "on the schema that \(plan.target.version) expands to"
    let broken = report.findings(.broken).map {
      "\($0.title) of \(version) can't be prepared \(place): \($0.evidence)"
    }
    let unchecked = report.findings(.unchecked)
    let changed = report.findings(.changed).map {
      "\($0.title) of \(version) \(place), \($0.evidence); a server that keeps it prepared may "
        + "fail once"
    }
    // What a server asks is more telling than what its schema looks like.
    record.unsafe.insert(contentsOf: broken, at: 0)
    record.notes += changed
    if broken.isEmpty, report.checked > 0 {
      record.passed.append(
        "the recorded queries of \(version) \(place): all \(report.checked) can be prepared")
    }
    if let first = unchecked.first {
      let sentence =
        "\(unchecked.count) of \(report.recorded) recorded queries of \(version) can't be prepared "
        + "before the migrations either and show nothing, such as \(first.title): \(first.evidence)"
      record.notes.append(sentence)
    }
    let isEnough = report.coverage >= Bounds.queryCoverageMin
    if !isEnough {
      record.unknown.append(
        "the recorded queries of \(version) show too little: those that can be prepared before the "
          + "migrations are \(report.coverage) % of the recorded calls, and "
          + "\(Bounds.queryCoverageMin) % are needed")
    }
    let last = record.report.steps.count - 1
    record.report.steps[last].outcome =
      !broken.isEmpty ? .failed : isEnough ? .passed : .unknown
    record.report.steps[last].details =
      broken + changed
      + unchecked.map { "not before the migrations either: \($0.title): \($0.evidence)" }
  }
}
