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

  /// Where the end of a migration waits for the beginning of the next one.
  var endings = MySQLEndings()
  /// Named locks that have to be this session's whenever something is written.
  var locks: [String] = []
  /// The statements of the body, where it was read before.
  var statements: [MySQLStatement]?
  /// The table that the next migration changes first, where that is known.
  var next: MySQLObject?

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
  ///
  /// - Parameter owes: whether the end may wait in `endings` for the beginning of the next
  ///   migration on this connection. Until then the ledger is dirty and the journal says where the
  ///   migration stands, as while it ran.
  func perform(owes: Bool = false) throws(StepFailure) -> MigrationStep.Outcome {
    if let epoch { try own.requireEpoch(epoch) }
    try own.create()
    try own.createLedger()
    let statements = if let statements { statements } else { try split() }
    let began = ContinuousClock.now
    // What was written last on this connection, under the same locks, needs no reading.
    if endings.owed == nil {
      let found = try read()
      if found.ledger.isDirty, found.ledger.version == version, !found.steps.isEmpty {
        let resumption = MySQLResumption(
          connection: connection, step: step, statements: statements, steps: found.steps)
        let next = try resumption.next()
        try resumption.restoreSession(before: next)
        try runStepwise(statements, from: next, isMarked: true, began: began)
        try settle()
        return .applied
      }
      let outcome = try step.check(
        ledger: found.ledger.version, isDirty: found.ledger.isDirty, history: found.history,
        database: connection.address.name)
      guard outcome == .applied else { return outcome }
    }
    if try isAtomic(statements) {
      try settle()
      try runAtomically(statements)
    } else {
      try runStepwise(statements, from: 0, isMarked: false, began: began)
      // Whether anything else took effect could not be told if this process ended meanwhile.
      let isTold = statements.last.map { !objects(of: $0).isEmpty } ?? false
      if !owes || !isTold { try settle() }
    }
    return .applied
  }

  /// What decides whether the migration is to be run.
  private func read() throws(StepFailure) -> (
    ledger: MySQLLedgerState, steps: [MySQLStep], history: [HistoryEntry]
  ) {
    let answers = try connection.run(together: [
      SQLStatement(options.ledger.reading), journal.reading(version),
      own.readingHistory(of: version),
    ])
    let (ledger, isDirty) = try options.ledger.interpret(answers[0].rows)
    return (
      MySQLLedgerState(version: ledger, isDirty: isDirty),
      answers[1].rows.map { MySQLStep($0) }, answers[2].rows.map { HistoryEntry($0) }
    )
  }

  /// Cuts the body into its statements.
  ///
  /// - Throws: `MigrationRefused` for a body that is not run.
  func split() throws(StepFailure) -> [MySQLStatement] {
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
    let names = try connection.namesWithoutTransactions()
    guard !names.isEmpty else { return true }
    return names.isDisjoint(with: statement.tokens.map { $0.text.lowercased() })
  }

  private func runAtomically(_ statements: [MySQLStatement]) throws(StepFailure) {
    checkpoint("begin")
    let entry: HistoryEntry
    do throws(StepFailure) {
      entry = try connection.transaction { connection throws(StepFailure) in
        if let epoch { try own.requireEpoch(epoch) }
        var held = StatementHold(possible: .now, known: .now)
        let runner = StatementRunner(connection: connection, options: options, hold: hold)
        for (index, statement) in statements.enumerated() {
          checkpoint("before \(index + 1)")
          let own = try runner.run(statement, holdsLocks: index > 0)
          // What the first one waited for kept nobody out.
          if index == 0 { held = own }
          checkpoint("after \(index + 1)")
        }
        let duration = (ContinuousClock.now - held.possible).interval
        guard duration <= options.holdBudget || statements.isEmpty else {
          throw heldTooLong(held)
        }
        if !statements.isEmpty { hold?.note(since: held.possible) }
        let entry = step.entry(duration: duration)
        try writeEnd(entry)
        return entry
      }
    } catch {
      throw step.rolledBack(error)
    }
    endings.note(entry)
    checkpoint("end")
  }

  private func heldTooLong(_ held: StatementHold) -> StepFailure {
    guard held.isKnown(for: options.holdBudget) else {
      return .notWatched(for: options.holdBudget, connection.address.name)
    }
    return StepFailure(
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
    var (isMarked, isEnded) = (isMarked, false)
    let runner = StatementRunner(connection: connection, options: options, hold: hold)
    for index in statements.indices.dropFirst(start) {
      let statement = statements[index]
      do throws(StepFailure) {
        switch statement.kind {
        case .query, .setting:
          try runner.run(statement)
          continue
        case .data where try isTransactional(statement):
          try settle()
          let entry = try entry(statement, at: index, of: statements.count)
          isEnded = try runWithJournal(
            statement, entry, isMarked: isMarked, runner, began: began)
        case .data, .definition, .truncation, .call:
          try runner.refuseHolders(of: statement)
          let entry = try entry(statement, at: index, of: statements.count)
          try runProbed(statement, entry, isMarked: isMarked, runner)
        }
      } catch {
        throw try cutOff(error, at: index, of: statements)
      }
      isMarked = true
    }
    guard !isEnded else { return }
    // Where nothing but questions was asked the one before waits still.
    try settle()
    endings.owe(
      step.entry(duration: (ContinuousClock.now - began).interval),
      isMarked ? begun : MySQLLedgerState(version: step.after, isDirty: false))
  }

  /// What shows, by its definition, whether the statement has taken effect; empty for nothing.
  private func objects(of statement: MySQLStatement) -> [MySQLObject] {
    statement.kind == .definition ? MySQLObject.named(in: statement) : []
  }

  private func entry(
    _ statement: MySQLStatement, at index: Int, of count: Int
  ) throws(StepFailure) -> MySQLStep {
    MySQLStep(
      version: version, position: index + 1, file: step.body.file, line: statement.line,
      count: count, run: step.run, epoch: epoch,
      digest: SHA256.digest(of: statement.text), isDone: false,
      session: Int64(clamping: connection.id), after: step.after,
      before: try connection.definitions(of: objects(of: statement)))
  }

  /// Opens a transaction, marks the ledger in it unless it is, writes the intent, and goes on with
  /// the body; with the first intent goes the end of the migration before, if it waits for that.
  private func transaction<Result>(
    intending entry: MySQLStep, isMarked: Bool, _ body: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let intending = journal.intending(entry)
    guard !isMarked else {
      return try connection.transaction(on: ground(begun), writing: [intending], body)
    }
    let before = endings.owed?.ledger ?? MySQLLedgerState(version: step.after, isDirty: false)
    return try connection.transaction(
      on: ground(before),
      writing: options.ledger.writing(version, isDirty: true)
        + (endings.owed.map { own(ending: $0.entry) } ?? [])
        + [MySQLStepJournal.clearing, intending], body)
  }

  /// Runs a change of rows in one transaction with its line in the journal, or with the end of the
  /// migration.
  ///
  /// - Returns: whether it was the last one, with which the migration has ended.
  private func runWithJournal(
    _ statement: MySQLStatement, _ line: MySQLStep, isMarked: Bool, _ runner: StatementRunner,
    began: ContinuousClock.Instant
  ) throws(StepFailure) -> Bool {
    checkpoint("before \(line.position)")
    let ended = try transaction(intending: line, isMarked: isMarked) {
      () throws(StepFailure) -> HistoryEntry? in
      try runner.run(statement)
      guard line.position == line.count else {
        try journal.finish(version, line.position)
        return nil
      }
      let entry = step.entry(duration: (ContinuousClock.now - began).interval)
      try writeEnd(entry)
      return entry
    }
    checkpoint("after \(line.position)")
    guard let ended else { return false }
    endings.note(ended)
    checkpoint("end")
    return true
  }

  /// Runs a statement that commits by itself, between its intent and its end in the journal.
  private func runProbed(
    _ statement: MySQLStatement, _ line: MySQLStep, isMarked: Bool, _ runner: StatementRunner
  ) throws(StepFailure) {
    let isDone = isMarked ? false : try runWithIntent(statement, line, runner)
    if !isDone {
      try transaction(intending: line, isMarked: isMarked) {}
      if endings.owed != nil { noteWritten() }
      checkpoint("before \(line.position)")
      connection.tablesWithoutTransactions = nil
      try runner.run(statement)
    }
    checkpoint("after \(line.position)")
    // With the last one the whole migration is noted.
    guard line.position < line.count else { return }
    try journal.finish(version, line.position)
    checkpoint("noted \(line.position)")
  }

  /// Runs the first statement of a migration in one request with its intent, which the server
  /// commits before it begins with the statement, and in which it goes no further where something
  /// is not as it has to be.
  ///
  /// - Returns: false where nothing was done, because it has to be done in steps that are judged
  ///   one by one.
  private func runWithIntent(
    _ statement: MySQLStatement, _ line: MySQLStep, _ runner: StatementRunner
  ) throws(StepFailure) -> Bool {
    let state = endings.owed?.ledger ?? MySQLLedgerState(version: step.after, isDirty: false)
    let marking = options.ledger.marking(version, from: state, locks: locks)
    guard epoch == nil, !marking.isEmpty, let attempt = try runner.firstAttempt(statement) else {
      return false
    }
    checkpoint("before \(line.position)")
    let writes =
      [SQLStatement("START TRANSACTION")] + marking
      + (endings.owed.map { own(ending: $0.entry) } ?? [])
      + [MySQLStepJournal.clearing, journal.intending(line), SQLStatement("COMMIT")]
    var texts: [String] = []
    for write in writes {
      texts.append(try MySQLText.rendered(write, database: connection.address.name))
    }
    texts.append(attempt.text)
    let next = line.position == line.count ? next : nil
    texts += next.map { MySQLForesight.questions(for: $0, on: connection) } ?? []
    connection.tablesWithoutTransactions = nil
    let advance = try connection.advance(
      // A comment at the end of the statement must not swallow what stands behind it.
      through: texts.joined(separator: "\n;\n"), watching: (writes.count, attempt.watch))
    let done = advance.outcomes.count
    if done < writes.count {
      let hasMoved = connection.errorNumber == MySQLLedger.movedError
      if !connection.isLost { _ = try? connection.run("ROLLBACK") }
      guard hasMoved, !connection.isLost else { throw advance.failure ?? connection.silent() }
      return false
    }
    if endings.owed != nil { noteWritten() }
    guard done > writes.count else {
      guard let failure = advance.failure else { throw connection.silent() }
      try runner.run(statement, tried: (attempt, failure))
      return true
    }
    runner.note(attempt)
    if let next, texts.count > writes.count + 1 {
      connection.foresight = MySQLForesight(
        advance.outcomes[(writes.count + 1)...], of: next, on: connection)
    }
    return true
  }

  // MARK: The end

  /// Writes the end that waits, if one does.
  func settle() throws(StepFailure) {
    guard let owed = endings.owed else { return }
    try connection.transaction(
      on: ground(owed.ledger), writing: ending(owed.entry)
    ) {}
    noteWritten()
  }

  private func noteWritten() {
    endings.settle()
    checkpoint("end")
  }

  /// Writes the end of this migration in the transaction that is open.
  private func writeEnd(_ entry: HistoryEntry) throws(StepFailure) {
    _ = try connection.run(together: ending(entry))
  }

  private func ending(_ entry: HistoryEntry) -> [SQLStatement] {
    options.ledger.writing(entry.version, isDirty: false) + own(ending: entry)
      + [MySQLStepJournal.clearing]
  }

  private func own(ending entry: HistoryEntry) -> [SQLStatement] {
    own.ending(entry, forgetsBackfills: endings.mayHaveBackfills)
  }

  private var begun: MySQLLedgerState { MySQLLedgerState(version: version, isDirty: true) }

  private func ground(_ state: MySQLLedgerState) -> MySQLGround {
    MySQLGround(ledger: options.ledger, state: state, epoch: epoch, locks: locks)
  }

  // MARK: Failures

  /// Brings ledger and journal to what is true after a statement failed, and says what to do.
  private func cutOff(
    _ failure: StepFailure, at index: Int, of statements: [MySQLStatement]
  ) throws(StepFailure) -> StepFailure {
    // Without a connection nothing is known; the next attempt finds out.
    guard !connection.isLost, failure.code != "ConnectionLost" else { return failure }
    // The one before has ended all the same.
    try settle()
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
        try connection.run(MySQLStepJournal.clearing)
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
