package import WindlassCore

/// What became of an attempt at a backfill.
package struct BackfillOutcome: Hashable, Sendable {
  /// Whether the migration is in ledger and history; otherwise it goes on by another attempt.
  package var isFinished: Bool
  package var progress: BackfillProgress
  /// The longest that one batch took.
  package var longest: Interval
}

/// Carries a backfill on, batch after batch, with rests between them, until it is finished or is
/// told to end.
package struct BackfillWalk {
  package var pace: BackfillPace
  /// How long one batch may be tried for.
  package var deadline: Interval
  /// What a failure becomes when that time is over.
  package var overdue: (StepFailure, Interval) -> StepFailure
  /// Asked after each batch and while it rests.
  package var goesOn: BackfillWatch

  package init(
    pace: BackfillPace, deadline: Interval,
    overdue: @escaping (StepFailure, Interval) -> StepFailure, goesOn: @escaping BackfillWatch
  ) {
    self.pace = pace
    self.deadline = deadline
    self.overdue = overdue
    self.goesOn = goesOn
  }

  /// Carries the backfill on.
  ///
  /// A failure behind batches that were committed is not told: what they did has to be on record
  /// first, and the next attempt meets the failure again.
  ///
  /// - Parameters:
  ///   - known: how far it has come already; nil before its first batch.
  ///   - pressure: what others suffer from, so that the next batch has to wait; nil for nothing.
  ///   - batch: makes one attempt at a batch of at most so many rows.
  package func carryOn(
    _ backfill: Backfill, _ version: SchemaVersion, from known: BackfillMark?,
    pressure: () throws(StepFailure) -> String?,
    batch: (_ limit: Int?) async throws(StepFailure) -> BackfillBatch
  ) async throws(StepFailure) -> BackfillOutcome {
    let directive = backfill.directive
    var place = BackfillPlace(directive, mark: known)
    var outcome = BackfillOutcome(
      isFinished: false,
      progress: known?.progress
        ?? BackfillProgress(migration: version, table: directive.table, key: directive.key),
      longest: .zero)
    var batches = 0
    do throws(StepFailure) {
      while try await awaitCalm(outcome.progress, pressure),
        let (result, took) = try await insisting(&place, outcome.progress, batch)
      {
        guard case .went(let mark) = result else {
          outcome.isFinished = true
          return outcome
        }
        batches += 1
        place = BackfillPlace(directive, mark: mark)
        outcome.longest = max(outcome.longest, took)
        outcome.progress = mark.progress
        guard try await rest(pace.rest(after: took), outcome.progress) else { return outcome }
      }
    } catch {
      guard batches > 0 else { throw error }
    }
    return outcome
  }

  /// Tries until a batch is committed, smaller where it was too large or met locks; nil when it was
  /// told to end before.
  private func insisting(
    _ place: inout BackfillPlace, _ progress: BackfillProgress,
    _ batch: (Int?) async throws(StepFailure) -> BackfillBatch
  ) async throws(StepFailure) -> (batch: BackfillBatch, took: Interval)? {
    var backoff = LockBackoff(deadline: deadline)
    var limit: Int?
    while true {
      let began = ContinuousClock.now
      do throws(StepFailure) {
        return (try await batch(limit), (ContinuousClock.now - began).interval)
      } catch {
        let took = (ContinuousClock.now - began).interval
        // Interrupted is what the server's own limit, a little earlier than ours, makes of it.
        if ["HoldBudgetExceeded", "Interrupted"].contains(error.code), !Task.isCancelled {
          try place.shrink(after: error)
          limit = place.size
          // What held others up for longer than it may rests at least as long as any other batch.
          guard try await rest(pace.rest(after: took), progress) else { return nil }
          continue
        }
        guard error.disposition == .retry else { throw error }
        // Fewer rows meet fewer of those that others have locked.
        if error.code == "DatabaseLocked" {
          place.size = max(1, place.size / 2)
          limit = place.size
        }
        guard let pause = backoff.next() else { throw overdue(error, backoff.elapsed) }
        guard try await rest(pause, progress) else { return nil }
      }
    }
  }

  /// Waits while others suffer; false when it was told to end.
  private func awaitCalm(
    _ progress: BackfillProgress, _ pressure: () throws(StepFailure) -> String?
  ) async throws(StepFailure) -> Bool {
    let began = ContinuousClock.now
    var progress = progress
    while let reason = try pressure() {
      progress.heldUpBy = reason
      guard (ContinuousClock.now - began).interval < Bounds.backfillPressureMax else {
        throw StepFailure(
          code: "BackfillHeldUp", disposition: .wait,
          message: "The backfill of \(progress.table) waited for \(Bounds.backfillPressureMax):"
            + " \(reason). What is done stays done, and it goes on once that is over.")
      }
      guard try await rest(Bounds.backfillPressurePause, progress) else { return false }
    }
    return true
  }

  /// Rests, and looks meanwhile whether it is to end; false when it is.
  private func rest(
    _ time: Interval, _ progress: BackfillProgress
  ) async throws(StepFailure) -> Bool {
    let began = ContinuousClock.now
    while true {
      guard goesOn(progress) else { return false }
      let rest = time.milliseconds - (ContinuousClock.now - began).interval.milliseconds
      guard rest > 0 else { return true }
      do {
        try await Task.sleep(for: .milliseconds(min(rest, Bounds.backfillPoll.milliseconds)))
      } catch {
        throw StepFailure(
          code: "Cancelled", disposition: .retry,
          message: "The backfill of \(progress.table) was cancelled between two batches; it goes on"
            + " from there.")
      }
    }
  }
}

/// Where a backfill stands, and how many rows it tries from there.
private struct BackfillPlace {
  let directive: BackfillDirective
  /// The last key that is done; null before the first.
  let cursor: SQLValue
  var size: Int
  /// How often one row alone has exceeded the hold budget.
  private var stalls = 0

  init(_ directive: BackfillDirective, mark: BackfillMark?) {
    self.directive = directive
    cursor = mark?.cursor ?? .null
    size = mark?.size ?? directive.batch
  }

  /// Makes the next batch smaller after one that exceeded the hold budget. One row may stall for a
  /// reason of the moment, and is tried again.
  ///
  /// - Throws: `BackfillStalled` when one row has stalled too often.
  mutating func shrink(after failure: StepFailure) throws(StepFailure) {
    guard size == 1 else {
      size = max(1, size / 4)
      return
    }
    stalls += 1
    guard stalls >= Bounds.backfillStallsMax else { return }
    let (table, key) = (directive.table, directive.key)
    let row =
      cursor == .null
      ? "The first row of \(table)" : "The row of \(table) behind \(key) \(cursor.shown)"
    throw StepFailure(
      code: "BackfillStalled", disposition: .stop,
      message: "\(row) exceeded the hold budget by itself \(stalls) times in a row; what is done"
        + " stays done. Look what a change of it sets off, such as a trigger or a cascade, or raise"
        + " `database.holdBudget`. \(failure.message)")
  }
}
