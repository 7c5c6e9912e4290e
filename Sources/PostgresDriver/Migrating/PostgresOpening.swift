import WindlassCore
import WindlassSchema

/// What a transaction that migrates begins with: who stands in its way, the keys, and what ledger
/// and history say.
struct PostgresOpening {
  private let connection: PostgresConnection
  private let step: MigrationStep
  private let place: LedgerPlace
  private let readsLedger: Bool
  private let blockers: BlockerQuestion
  private let keys: TransactionKeys

  /// - Parameters:
  ///   - migrations: at least one.
  ///   - readsLedger: whether all tables are known to exist and no fence is to be looked at, so
  ///     that ledger and history are asked for in the same breath.
  init(
    _ migrations: [PostgresMigration], on connection: PostgresConnection, readsLedger: Bool
  ) {
    self.connection = connection
    step = migrations[0].step
    place = migrations[0].place
    keys = TransactionKeys(place: place)
    self.readsLedger = readsLedger
    // Several are applied at once only where nobody uses any table.
    let statements = migrations.count == 1 ? migrations[0].script.statements : []
    blockers = BlockerQuestion(statements, olderThan: migrations[0].options.blockerAge)
  }

  /// What is sent together with `BEGIN`.
  var statements: [SQLStatement] {
    let first = blockers.statements + [keys.statement]
    guard readsLedger else { return first }
    let own = PostgresOwnSchema(complete: connection, place, hasLockTable: false)
    return first + [own.ledgerQuestion, own.historyQuestion(of: step.body.version)]
  }

  /// Reads what the server answered, and asks for the rest.
  ///
  /// - Throws: `DatabaseLocked` with `.retry` for a transaction that the migration would have to
  ///   wait for, since whoever came behind it would wait as well, and for keys that are not had.
  func read(
    _ answers: [[SQLRow]]
  ) throws(StepFailure) -> (
    own: PostgresOwnSchema, ledger: (version: SchemaVersion?, isDirty: Bool),
    history: [HistoryEntry]
  ) {
    let count = blockers.statements.count
    let found = BlockerQuestion.blockers(answers.prefix(count))
    guard found.isEmpty else { throw found.failure(place: connection.place) }
    let hasLockTable = try keys.check(answers[count], on: connection)
    if readsLedger {
      let own = PostgresOwnSchema(complete: connection, place, hasLockTable: hasLockTable)
      return (
        own, try own.ledgerRow(answers[count + 1]), answers[count + 2].map { HistoryEntry($0) }
      )
    }
    var own = try PostgresOwnSchema(connection, place)
    if case .epoch(let epoch) = step.fence { try own.requireEpoch(epoch) }
    try own.create(recordsCatalogue: false)
    return (own, try own.ledgerRow(), try own.history(of: step.body.version))
  }
}
