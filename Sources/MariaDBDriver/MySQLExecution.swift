import WindlassCore
import WindlassSchema

/// One migration, statement by statement, with everything that is checked and written around it.
///
/// A body that only changes rows runs in one transaction with ledger and history. Any other leaves
/// the ledger dirty while it is under way, with the journal saying which statements took effect.
struct MySQLExecution {
  let connection: MySQLConnection
  let options: MySQLServiceOptions
  let step: MigrationStep
  /// Told how long statements kept others out; nil where nobody wants to know.
  var hold: HoldClock?
  /// Called at each point at which a test may cut the work off; nothing elsewhere.
  var checkpoint: @Sendable (String) -> Void = { _ in }

  private var own: MySQLOwnSchema {
    MySQLOwnSchema(connection: connection, ledger: options.ledger)
  }
  private var journal: MySQLStepJournal { MySQLStepJournal(connection: connection) }
  private var version: SchemaVersion { step.body.version }
  private var epoch: Epoch? {
    if case .epoch(let epoch) = step.fence { epoch } else { nil }
  }

  /// Checks fence, history and ledger, runs what is left of the body, and writes ledger and
  /// history; the caller holds the locks.
  func perform() throws(StepFailure) -> MigrationStep.Outcome {
    if let epoch { try own.requireEpoch(epoch) }
    try own.create()
    try own.createLedger()
    let statements = try split()
    let (ledger, isDirty) = try own.ledgerRow()
    let steps = try journal.steps(of: version)
    let began = ContinuousClock.now
    if isDirty, ledger == version, !steps.isEmpty {
      let resumption = MySQLResumption(
        connection: connection, step: step, statements: statements, steps: steps)
      let next = try resumption.next()
      try resumption.restoreSession(before: next)
      try runStepwise(statements, from: next, isMarked: true, began: began)
      return .applied
    }
    let outcome = try step.check(
      ledger: ledger, isDirty: isDirty,
      history: own.historyEntry(of: version).map { [$0] } ?? [],
      database: connection.address.name)
    guard outcome == .applied else { return outcome }
    if try isAtomic(statements) {
      try runAtomically(statements)
    } else {
      try runStepwise(statements, from: 0, isMarked: false, began: began)
    }
    return .applied
  }

  private func split() throws(StepFailure) -> [MySQLStatement] {
    if let refusal = options.refusal(of: step.body) { throw refusal }
    do {
      return try MySQLStatements.split(step.body.text)
    } catch {
      throw StepFailure(
        code: "MigrationRefused", disposition: .stop,
        message: "\(step.body.file):\(error.line): \(error.reason). Correct the file.")
    }
  }

  // MARK: All or nothing

  /// Whether every statement can be rolled back.
  private func isAtomic(_ statements: [MySQLStatement]) throws(StepFailure) -> Bool {
    for statement in statements {
      switch statement.kind {
      case .query, .setting: continue
      case .data: guard try isTransactional(statement) else { return false }
      case .definition, .truncation, .call: return false
      }
    }
    // A SELECT … INTO or a look after a table commits by itself.
    return statements.allSatisfy { statement in
      statement.kind != .query
        || ["SELECT", "SHOW", "EXPLAIN", "VALUES", "WITH", "DESC", "DESCRIBE"]
          .contains(where: statement.tokens[0].isKeyword)
    }
  }

  /// Whether the statement names no table whose changes can't be rolled back.
  private func isTransactional(_ statement: MySQLStatement) throws(StepFailure) -> Bool {
    let names = try connection.rows(
      """
      SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
        AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB')
      """
    ).compactMap { $0.values.first?.text?.lowercased() }
    guard !names.isEmpty else { return true }
    let used = Set(statement.tokens.map { $0.text.lowercased() })
    return used.isDisjoint(with: names)
  }

  private func runAtomically(_ statements: [MySQLStatement]) throws(StepFailure) {
    checkpoint("begin")
    do throws(StepFailure) {
      try connection.transaction { connection throws(StepFailure) in
        if let epoch { try own.requireEpoch(epoch) }
        var began = ContinuousClock.now
        let runner = StatementRunner(connection: connection, options: options, hold: hold)
        for (index, statement) in statements.enumerated() {
          checkpoint("before \(index + 1)")
          let heldSince = try runner.run(statement, holdsLocks: index > 0)
          // What the first one waited for kept nobody out.
          if index == 0 { began = heldSince }
          checkpoint("after \(index + 1)")
        }
        let duration = (ContinuousClock.now - began).interval
        guard duration <= options.holdBudget || statements.isEmpty else { throw heldTooLong() }
        if !statements.isEmpty { hold?.note(since: began) }
        try own.record(step.entry(duration: duration))
        try journal.clear()
      }
    } catch {
      throw step.rolledBack(error)
    }
    checkpoint("end")
  }

  private func heldTooLong() -> StepFailure {
    StepFailure(
      code: "HoldBudgetExceeded", disposition: .stop,
      message: "The transaction on \(connection.address.name) held its locks for more than the hold"
        + " budget of \(options.holdBudget). Split the file into smaller ones, or raise"
        + " `database.holdBudget`.")
  }

  // MARK: One statement at a time

  private func runStepwise(
    _ statements: [MySQLStatement], from start: Int, isMarked: Bool,
    began: ContinuousClock.Instant
  ) throws(StepFailure) {
    var isMarked = isMarked
    let runner = StatementRunner(connection: connection, options: options, hold: hold)
    for index in statements.indices.dropFirst(start) {
      let statement = statements[index]
      do throws(StepFailure) {
        switch statement.kind {
        case .query, .setting:
          try runner.run(statement)
          continue
        case .data where try isTransactional(statement):
          let entry = try entry(statement, at: index, of: statements.count)
          try runWithJournal(statement, entry, isMarked: isMarked, runner)
        case .data, .definition, .truncation, .call:
          let entry = try entry(statement, at: index, of: statements.count)
          try runProbed(statement, entry, isMarked: isMarked, runner)
        }
      } catch {
        throw try cutOff(error, at: index, of: statements)
      }
      isMarked = true
    }
    let duration = (ContinuousClock.now - began).interval
    try connection.transaction(serializable: true) { _ throws(StepFailure) in
      if let epoch { try own.requireEpoch(epoch) }
      try own.record(step.entry(duration: duration))
      try journal.clear()
    }
    checkpoint("end")
  }

  private func entry(
    _ statement: MySQLStatement, at index: Int, of count: Int
  ) throws(StepFailure) -> MySQLStep {
    let objects = statement.kind == .definition ? MySQLObject.named(in: statement) : []
    return MySQLStep(
      version: version, position: index + 1, file: step.body.file, line: statement.line,
      count: count, run: step.run, epoch: epoch,
      digest: SHA256.digest(of: statement.text), isDone: false,
      session: Int64(clamping: connection.id), after: step.after,
      before: try connection.definitions(of: objects))
  }

  /// Marks the ledger, unless it is, and writes the intent.
  private func mark(_ entry: MySQLStep, isMarked: Bool) throws(StepFailure) {
    if let epoch { try own.requireEpoch(epoch) }
    if !isMarked {
      try journal.clear()
      try own.writeLedger(version, isDirty: true)
    }
    try journal.intend(entry)
  }

  /// Runs a change of rows in one transaction with its line in the journal.
  private func runWithJournal(
    _ statement: MySQLStatement, _ entry: MySQLStep, isMarked: Bool, _ runner: StatementRunner
  ) throws(StepFailure) {
    checkpoint("before \(entry.position)")
    try connection.transaction { _ throws(StepFailure) in
      try mark(entry, isMarked: isMarked)
      try runner.run(statement)
      try journal.finish(version, entry.position)
    }
    checkpoint("after \(entry.position)")
  }

  /// Runs a statement that commits by itself, between its intent and its end in the journal.
  private func runProbed(
    _ statement: MySQLStatement, _ entry: MySQLStep, isMarked: Bool, _ runner: StatementRunner
  ) throws(StepFailure) {
    try connection.transaction(serializable: true) { _ throws(StepFailure) in
      try mark(entry, isMarked: isMarked)
    }
    checkpoint("before \(entry.position)")
    try runner.run(statement)
    checkpoint("after \(entry.position)")
    // With the last one the whole migration is noted.
    guard entry.position < entry.count else { return }
    try journal.finish(version, entry.position)
    checkpoint("noted \(entry.position)")
  }

  // MARK: Failures

  /// Brings ledger and journal to what is true after a statement failed, and says what to do.
  private func cutOff(
    _ failure: StepFailure, at index: Int, of statements: [MySQLStatement]
  ) throws(StepFailure) -> StepFailure {
    // Without a connection nothing is known; the next attempt finds out.
    guard !connection.isLost, failure.code != "ConnectionLost" else { return failure }
    let steps = try journal.steps(of: version)
    var doneCount = steps.count
    if let last = steps.last, !last.isDone, last.position == index + 1 {
      let resumption = MySQLResumption(
        connection: connection, step: step, statements: statements, steps: steps)
      guard resumption.failedCleanly(last) else {
        return resumption.undecided(last, because: failure.message)
      }
      doneCount -= 1
    }
    try connection.transaction(serializable: true) { _ throws(StepFailure) in
      try journal.withdraw(version, index + 1)
      if doneCount == 0 {
        try journal.clear()
        let (ledger, isDirty) = try own.ledgerRow()
        if isDirty, ledger == version { try own.writeLedger(step.after, isDirty: false) }
      }
    }
    var failure = failure
    let place =
      "statement \(index + 1) of \(statements.count) in \(step.body.file) (line"
      + " \(statements[index].line))"
    if doneCount == 0 {
      failure.message = "Nothing was changed: \(place) failed. \(failure.message)"
    } else {
      failure.message =
        "Migration \(version) stopped at \(place): \(failure.message) The statements before it"
        + " have taken effect and stay; the ledger is dirty at \(version). Correct what is in the"
        + " way, or that statement and what follows it in the file, and run the migration again:"
        + " it goes on with this statement."
    }
    return failure
  }
}
