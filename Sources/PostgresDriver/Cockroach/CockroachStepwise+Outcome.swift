import WindlassCore
import WindlassSchema

/// What became of a statement that failed, or whose end nobody saw.
extension CockroachStepwise {
  private enum Fate {
    case applied, notApplied
    /// It can't be told, and why.
    case unknown(String)
  }

  /// Whether a statement that an earlier attempt began took effect.
  ///
  /// - Throws: `DirtyLedger` with the position when that can't be proven.
  func wasApplied(
    _ statement: PostgresStatement, _ progress: CockroachProgress
  ) throws(StepFailure) -> Bool {
    if progress.isUndecided { throw dirty(progress, because: progress.catalogue) }
    let isSame = SHA256.digest(of: statement.text) == progress.statement
    switch try fate(of: statement, progress) {
    case .applied where isSame: return true
    case .applied:
      throw try undecided(progress, because: "it has taken effect, and its text has changed since")
    case .notApplied: return false
    case .unknown(let reason): throw try undecided(progress, because: reason)
    }
  }

  /// Fails when a job of a statement that the server called done did not end well.
  func requireSuccess(
    of statement: PostgresStatement, _ progress: CockroachProgress
  ) throws(StepFailure) {
    let jobs = try connection.finishedJobs(of: statement, since: progress.beganAt)
    guard let failed = jobs.first(where: \.hasFailed) else { return }
    throw StepFailure(
      code: "SchemaChangeFailed", disposition: .stop,
      message: "Job \(failed.id) of the statement ended as \(failed.status): \(failed.error)")
  }

  /// Finds out what a statement that failed has done.
  ///
  /// - Returns: whether it took effect; false when it is to be run again.
  func resolve(
    _ failure: StepFailure, of statement: PostgresStatement, _ progress: inout CockroachProgress
  ) throws(StepFailure) -> Bool {
    // Without a session nothing is known; the next attempt finds out, and so does one that was told
    // to stop or whose job waits for a person.
    guard connection.isAlive, !Task.isCancelled,
      !["ConnectionLost", "SchemaChangePaused"].contains(failure.code)
    else { throw failure }
    if connection.isInTransaction { connection.rollBack() }
    switch try fate(of: statement, progress) {
    case .unknown(let reason):
      throw try undecided(progress, because: "\(reason). \(failure.message)")
    case .applied:
      // The server's word against the schema's: a failure that it is sure of left something behind.
      guard ["OutcomeUnknown", "Interrupted"].contains(failure.code) else {
        throw try undecided(progress, because: "a part of it may have. \(failure.message)")
      }
      return true
    case .notApplied:
      guard failure.disposition == .stop, failure.code != "OutcomeUnknown" else {
        // The attempt after this one, with a pause in between, runs it.
        throw failure.code == "OutcomeUnknown" ? retried(failure) : failure
      }
      throw try stopped(progress, after: failure)
    }
  }

  private func retried(_ failure: StepFailure) -> StepFailure {
    var failure = failure
    failure.disposition = .retry
    return failure
  }

  /// Waits for the jobs, and compares the schema with what the journal kept.
  private func fate(
    of statement: PostgresStatement, _ progress: CockroachProgress
  ) throws(StepFailure) -> Fate {
    let jobs = try connection.finishedJobs(of: statement, since: progress.beganAt)
    guard let before = progress.catalogueBefore() else {
      return .unknown("the journal's record of the schema before it can't be read")
    }
    let differences = before.differences(to: try catalogue())
    if differences.isEmpty {
      return statement.leavesNoTrace
        ? .unknown("whether a table was emptied can't be seen from its definition") : .notApplied
    }
    if let failed = jobs.first(where: \.hasFailed) {
      return .unknown("its job \(failed.id) ended as \(failed.status) (\(failed.error))")
    }
    let names = statement.objectNames
    let foreign = differences.first { names.isDisjoint(with: $0.object.nameParts) }
    if let foreign { return .unknown("something else changed as well: \(foreign.sentence)") }
    return .applied
  }

  /// Brings ledger and journal to what is true after a statement failed and left nothing, and says
  /// what to do.
  func stopped(
    _ progress: CockroachProgress, after failure: StepFailure
  ) throws(StepFailure) -> StepFailure {
    let done = progress.common.done
    try transaction { own throws(StepFailure) in
      try requireGround(own, progress)
      if done == 0 {
        try own.writeLedger(progress.common.before)
        try own.endProgress()
      } else {
        var withdrawn = progress
        withdrawn.common.begun = done
        withdrawn.catalogue = ""
        try own.write(withdrawn)
      }
    }
    var failure = failure
    failure.message =
      done == 0
      ? "Nothing was changed: \(position(progress)) failed. \(failure.message)"
      : "Migration \(step.body.version) stopped at \(position(progress)): \(failure.message) The"
        + " statements before it have taken effect and stay; the ledger is dirty at"
        + " \(step.body.version). Correct what is in the way, or that statement and what follows it"
        + " in the file, and run the migration again: it goes on with this statement."
    return failure
  }

  private func position(_ progress: CockroachProgress) -> String {
    let index = min(progress.common.done, steps.count - 1)
    return "statement \(index + 1) of \(steps.count) in \(step.body.file) (line"
      + " \(steps[index].line))"
  }

  /// The failure for a statement about which nothing can be proven. The journal keeps that, because
  /// a later look at the schema alone would take a half-applied change for a whole one.
  private func undecided(
    _ progress: CockroachProgress, because reason: String
  ) throws(StepFailure) -> StepFailure {
    let marked = progress.undecided(because: reason)
    try transaction { own throws(StepFailure) in
      try requireGround(own, progress)
      try own.write(marked)
    }
    return dirty(progress, because: reason)
  }

  private func dirty(_ progress: CockroachProgress, because reason: String) -> StepFailure {
    StepFailure(
      code: "DirtyLedger", disposition: .stop,
      message:
        "Migration \(step.body.version) was cut off at \(position(progress)), and whether that"
        + " statement has taken effect is not certain: \(reason) The \(progress.common.done)"
        + " statement(s) before it have. Compare the schema with the file. If all of it has taken"
        + " effect, set the ledger with `migrate force \(step.body.version)` of golang-migrate; if"
        + " nothing has, with `migrate force \(step.after?.description ?? "-1")`; then run the"
        + " migration again.")
  }
}
