package import WindlassCore

/// What a backfill asks of a database inside one transaction that the caller has opened, in which
/// fence and ledger are checked already.
package protocol BackfillTransaction {
  /// The backfill's mark, kept as it is until the transaction ends; nil before the first batch.
  func mark(of version: SchemaVersion) throws(StepFailure) -> BackfillMark?

  /// Writes the mark.
  func write(_ mark: BackfillMark) throws(StepFailure)

  /// The table's last key; null for an empty table.
  func lastKey() throws(StepFailure) -> SQLValue

  /// The next keys behind `after`, and not behind `end`, at most so many; nil when there are none.
  func range(
    after: SQLValue, end: SQLValue, limit: Int
  ) throws(StepFailure) -> BackfillRange?

  /// Runs the file's statements for the range.
  ///
  /// - Returns: the rows that they changed.
  func change(_ range: BackfillRange) throws(StepFailure) -> Int64

  /// Writes the migration into ledger and history, which takes its mark away.
  func finish(_ entry: HistoryEntry) throws(StepFailure)
}

/// What one transaction of a backfill did.
package enum BackfillBatch: Hashable, Sendable {
  /// It goes on from the mark.
  case went(BackfillMark)
  /// The migration is in ledger and history.
  case finished
}

/// One transaction of a backfill: the next range of keys, or the migration's end.
///
/// Whatever cuts it off takes all of it back, the mark included, so that the next one does the same
/// again: no row is changed twice, and none is left out.
package struct BackfillStep {
  package var step: MigrationStep
  package var backfill: Backfill
  package var pace: BackfillPace
  /// When this attempt at the migration began.
  package var began: ContinuousClock.Instant

  package init(
    step: MigrationStep, backfill: Backfill, pace: BackfillPace,
    began: ContinuousClock.Instant = .now
  ) {
    self.step = step
    self.backfill = backfill
    self.pace = pace
    self.began = began
  }

  /// Carries it out.
  ///
  /// - Parameters:
  ///   - limit: rows at most, after a batch that was too large; nil for as many as the mark says.
  ///   - estimate: how many rows the table is taken to have.
  package func perform(
    on transaction: some BackfillTransaction, limit: Int?, estimate: Int64?
  ) throws(StepFailure) -> BackfillBatch {
    let start = ContinuousClock.now
    var mark: BackfillMark
    if let known = try transaction.mark(of: step.body.version) {
      guard known.checksum == step.checksum else { throw changedUnderWay(known) }
      mark = known
    } else {
      let end = try transaction.lastKey()
      mark = BackfillMark(step, backfill.directive, end: end, estimate: estimate)
    }
    mark.run = step.run
    let size = min(mark.size, limit ?? Bounds.backfillBatchMax)
    let range =
      mark.end == .null
      ? nil : try transaction.range(after: mark.cursor, end: mark.end, limit: size)
    guard let range else {
      return try endWalk(mark, on: transaction)
    }
    do throws(StepFailure) {
      mark.take(range, changed: try transaction.change(range))
    } catch {
      throw error.disposition == .retry ? error : explained(error, range, mark)
    }
    let took = (ContinuousClock.now - start).interval
    // A short last batch says nothing about how many rows fit into the time.
    if range.rows >= Int64(size) { mark.size = pace.size(after: size, took: took) }
    mark.worked = mark.worked + took
    try transaction.write(mark)
    return .went(mark)
  }

  private func endWalk(
    _ mark: BackfillMark, on transaction: some BackfillTransaction
  ) throws(StepFailure) -> BackfillBatch {
    guard backfill.directive.isRepeated, mark.changedInWalk > 0 else {
      try transaction.finish(
        HistoryEntry(
          version: step.body.version, file: step.body.file, checksum: step.checksum,
          phase: step.phase.rawValue, run: step.run, duration: mark.worked,
          appliedAt: step.startedAt + (ContinuousClock.now - began).interval))
      return .finished
    }
    guard mark.walk < Bounds.backfillWalksMax else {
      throw StepFailure(
        code: "BackfillUnsettled", disposition: .stop,
        message: "Backfill \(step.body.file) walked \(backfill.directive.table) \(mark.walk) times,"
          + " and the last walk still changed \(mark.changedInWalk) row(s). Either its statement"
          + " matches rows that it has dealt with, or servers write rows faster than they are"
          + " dealt with. Let a trigger keep new rows right, and the statement match only what is"
          + " left to do.")
    }
    var next = mark
    next.walkAgain(end: try transaction.lastKey())
    try transaction.write(next)
    return .went(next)
  }

  private func explained(
    _ failure: StepFailure, _ range: BackfillRange, _ mark: BackfillMark
  ) -> StepFailure {
    guard failure.code != "HoldBudgetExceeded", failure.code != "Interrupted" else {
      return failure
    }
    var failure = failure
    failure.message =
      "A batch of backfill \(step.body.file) was rolled back: \(range.rows) row(s) of"
      + " \(backfill.directive.table) up to \(backfill.directive.key) \(range.last.shown), after"
      + " \(mark.walked) row(s) that stay done. \(failure.message)"
    return failure
  }

  private func changedUnderWay(_ mark: BackfillMark) -> StepFailure {
    StepFailure(
      code: "ChangedFile", disposition: .stop,
      message:
        "Backfill \(step.body.file) was begun by run \(mark.run) and has changed since, after"
        + " \(mark.walked) row(s) of \(backfill.directive.table) were done. Put the old file back"
        + " to let it go on. To begin anew with the new file, if that is right for rows that are"
        + " done, delete its row from \(OwnTables.backfill).")
  }
}

extension SQLValue {
  /// The value for a person, cut where it is long.
  package var shown: String {
    switch self {
    case .null: "null"
    case .integer(let number): String(number)
    case .real(let number): String(number)
    case .text(let text): text.count > 40 ? "'\(text.prefix(40))…'" : "'\(text)'"
    case .blob(let bytes): "a blob of \(bytes.count) bytes"
    }
  }
}
