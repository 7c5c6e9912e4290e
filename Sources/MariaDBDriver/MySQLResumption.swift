import WindlassCore
import WindlassSchema

/// Finds out where a migration that was cut off has to go on.
struct MySQLResumption {
  let connection: MySQLConnection
  let step: MigrationStep
  let statements: [MySQLStatement]
  /// What the journal holds of the migration; at least one line.
  let steps: [MySQLStep]

  /// What became of a statement whose end nobody noted.
  enum Fate: Hashable {
    case applied, notApplied
    /// It can't be told, and why.
    case unknown(String)
  }

  /// The index of the first statement that has not taken effect.
  ///
  /// - Throws: `DirtyLedger` with the position when that can't be proven.
  func next() throws(StepFailure) -> Int {
    let journal = MySQLStepJournal(connection: connection)
    guard let last = steps.last else { return 0 }
    guard last.after == step.after else {
      throw undecided(last, because: "it was begun on another version than the plan's")
    }
    for done in steps where done.isDone {
      guard done.position <= statements.count,
        SHA256.digest(of: statements[done.position - 1].text) == done.digest
      else {
        throw undecided(
          done, because: "it has taken effect, and its text has changed in the file since")
      }
    }
    guard !last.isDone else { return last.position }
    try refuseLivingSession(of: last)
    switch try fate(of: last) {
    case .applied:
      try journal.finish(step.body.version, last.position)
      return last.position
    case .notApplied: return last.position - 1
    case .unknown(let reason): throw undecided(last, because: reason)
    }
  }

  /// Makes again what the statements before that one left in the session.
  func restoreSession(before index: Int) throws(StepFailure) {
    for statement in statements.prefix(index) {
      if statement.keepsSessionState, let last = steps.last {
        throw undecided(
          last, because: "it needs what an earlier statement left in a session that has ended")
      }
      if statement.kind == .setting { try connection.run(statement.text) }
    }
  }

  /// Whether a statement that failed with an error of the server's is known to have changed
  /// nothing.
  func failedCleanly(_ last: MySQLStep) -> Bool {
    guard let statement = statement(of: last) else { return false }
    switch statement.kind {
    // A definition or a truncation fails as a whole, but one of several objects may be gone.
    case .definition:
      let now = try? connection.definitions(of: MySQLObject.named(in: statement))
      return now == last.before
    case .truncation, .query, .setting: return true
    case .data, .call: return false
    }
  }

  /// What became of the statement.
  private func fate(of last: MySQLStep) throws(StepFailure) -> Fate {
    guard let statement = statement(of: last) else {
      return try fateOfChanged(last)
    }
    switch statement.kind {
    case .query, .setting: return .notApplied
    case .data: return .unknown("it changes a table whose changes can't be rolled back")
    case .truncation:
      return .unknown("whether a table was emptied can't be seen from its definition")
    case .call: return .unknown("what it calls can't be seen")
    case .definition: break
    }
    let objects = MySQLObject.named(in: statement)
    guard !objects.isEmpty else {
      return .unknown("the text does not tell which object it changes")
    }
    return fate(
      of: statement, before: last.before, now: try connection.definitions(of: objects))
  }

  private func fate(
    of statement: MySQLStatement, before: [String: String], now: [String: String]
  ) -> Fate {
    // Nothing to see: it did not run, or has no visible effect and may run once more.
    if now == before { return .notApplied }
    let changed = before.keys.filter { now[$0] != before[$0] }
    if statement.tokens[0].isKeyword("DROP") {
      // An index goes with a changed table, anything else is gone.
      let isIndex = statement.tokens.prefix(4).contains { $0.isKeyword("INDEX") }
      if isIndex || now.values.allSatisfy(\.isEmpty) { return .applied }
      return .unknown("only a part of what it drops is gone")
    }
    let replaces = statement.tokens.prefix(3).contains { $0.isKeyword("REPLACE") }
    if replaces, now.values.contains(where: \.isEmpty) { return .notApplied }
    // A list of renames is one step on these servers; on older ones a crash may cut it.
    let isWhole =
      connection.server.isMariaDB
      ? connection.server.isAtLeast(10, 6) : connection.server.isAtLeast(8, 0)
    return isWhole || changed.count == before.count
      ? .applied : .unknown("only a part of what it changes has changed")
  }

  /// The fate of a statement whose text has been corrected since.
  private func fateOfChanged(_ last: MySQLStep) throws(StepFailure) -> Fate {
    let objects = last.before.keys.compactMap { key -> MySQLObject? in
      let parts = key.split(separator: " ", maxSplits: 1).map(String.init)
      guard parts.count == 2, let kind = MySQLObject.Kind(rawValue: parts[0]) else { return nil }
      return MySQLObject(kind: kind, name: parts[1])
    }
    guard !objects.isEmpty, try connection.definitions(of: objects) == last.before else {
      return .unknown("its text has changed in the file, and it may have taken effect")
    }
    return .notApplied
  }

  /// The statement of a journal line; nil when the file has another text there now.
  private func statement(of last: MySQLStep) -> MySQLStatement? {
    guard last.position <= statements.count else { return nil }
    let statement = statements[last.position - 1]
    return SHA256.digest(of: statement.text) == last.digest ? statement : nil
  }

  private func refuseLivingSession(of last: MySQLStep) throws(StepFailure) {
    guard last.session != Int64(clamping: connection.id) else { return }
    let rows = try connection.rows(
      """
      SELECT TIME FROM information_schema.PROCESSLIST WHERE ID = \(last.session)
        AND COMMAND <> 'Sleep' AND DB = DATABASE()
      """)
    guard !rows.isEmpty else { return }
    throw StepFailure(
      code: "SessionAlive", disposition: .retry,
      message: "Session \(last.session) on \(connection.address.name) still runs statement"
        + " \(last.position) of migration \(step.body.version) for an earlier attempt. It is waited"
        + " for; `SHOW PROCESSLIST` shows it.")
  }

  /// The failure for a statement about which nothing can be proven.
  func undecided(_ last: MySQLStep, because reason: String) -> StepFailure {
    let line = last.position <= statements.count ? statements[last.position - 1].line : 0
    return StepFailure(
      code: "DirtyLedger", disposition: .stop,
      message: "Migration \(step.body.version) was cut off at statement \(last.position) of"
        + " \(statements.count) in \(step.body.file) (line \(line)), and whether that statement has"
        + " taken effect is not certain: \(reason). The \(last.position - 1) statement(s) before it"
        + " have. Compare the schema with the file. If all of it has taken effect, set the ledger"
        + " with `migrate force \(step.body.version)` of golang-migrate; if nothing has, with"
        + " `migrate force \(step.after?.description ?? "-1")`; then run the migration again.")
  }
}
