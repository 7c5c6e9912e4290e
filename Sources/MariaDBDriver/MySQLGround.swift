import WindlassCore
import WindlassSchema

/// What the ledger's row says; no version where it has none.
struct MySQLLedgerState: Hashable, Sendable {
  var version: SchemaVersion?
  var isDirty: Bool
}

/// What a write to ledger, history and journal rests on: it is asked for in the same transaction,
/// and stays as it is until the end of that.
struct MySQLGround {
  let ledger: MySQLLedger
  /// What the ledger has to say.
  let state: MySQLLedgerState
  /// What the fence has to say; nil where there is no run.
  let epoch: Epoch?
  /// Named locks that have to be this session's.
  let locks: [String]

  /// The questions, in the order in which the answers are judged.
  var questions: [SQLStatement] {
    var questions = [SQLStatement(ledger.reading + " FOR UPDATE")]
    if epoch != nil {
      questions.append(
        SQLStatement("SELECT epoch FROM \(OwnTables.fence) WHERE id = 1 FOR UPDATE"))
    }
    return questions + locks.map { SQLStatement("SELECT IS_USED_LOCK(?)", [.text($0)]) }
  }

  /// Fails unless everything is as it has to be.
  func require(_ answers: some Sequence<MySQLOutcome>, on connection: MySQLConnection)
    throws(StepFailure)
  {
    var rows = answers.map(\.rows)[...]
    let name = connection.address.name
    let (version, isDirty) = try ledger.interpret(rows.removeFirst())
    guard MySQLLedgerState(version: version, isDirty: isDirty) == state else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .stop,
        message: "The ledger of \(name) says \(version?.description ?? "nothing applied")"
          + "\(isDirty ? ", dirty," : "") and not"
          + " \(state.version?.description ?? "nothing applied")"
          + "\(state.isDirty ? ", dirty" : ""), as Windlass left it: another tool has written it."
          + " Look at `windlass schema`; the next attempt plans anew.")
    }
    if let epoch {
      let found = rows.removeFirst().first?.values.first?.integer.map { Epoch($0) }
      try FenceCheck.require(epoch, found: found, database: name)
    }
    for lock in locks {
      guard rows.removeFirst().first?.values.first?.integer == Int64(clamping: connection.id) else {
        throw StepFailure(
          code: "DatabaseLocked", disposition: .retry,
          message: "The lock \(lock) in \(name) is not this session's any more, as after a"
            + " migration that gives up every lock. It is taken again.")
      }
    }
  }
}

extension MySQLConnection {
  /// Runs the body in one transaction that rests on the ground and begins with the writes;
  /// questions and writes take one request, and any failure rolls everything back.
  func transaction<Result>(
    on ground: MySQLGround, writing writes: [SQLStatement],
    _ body: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    do throws(StepFailure) {
      let questions = ground.questions
      let answers = try run(
        together: [SQLStatement("START TRANSACTION")] + questions + writes)
      try ground.require(answers.dropFirst().prefix(questions.count), on: self)
      let result = try body()
      try run("COMMIT")
      return result
    } catch {
      // A transaction on a lost connection is rolled back by the server, or was committed.
      if !isLost { _ = try? run("ROLLBACK") }
      throw error
    }
  }

  /// The names of this database's tables whose changes can't be rolled back, in lower case.
  func namesWithoutTransactions() throws(StepFailure) -> Set<String> {
    if let known = tablesWithoutTransactions { return known }
    let names = Set(
      try rows(
        """
        SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
          AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB')
        """
      ).compactMap { $0.values.first?.text?.lowercased() })
    tablesWithoutTransactions = names
    return names
  }
}
