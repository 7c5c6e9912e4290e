import WindlassCore
import WindlassSchema

/// A ledger, read so that a mark of golang-migrate's is believed only while golang-migrate is not
/// at work.
struct SettledLedger {
  let connection: PostgresConnection
  let place: LedgerPlace
  let options: PostgresServiceOptions

  /// Reads in one snapshot, and again under all keys where that finds another tool's dirty mark.
  ///
  /// - Parameter body: fails with `DirtyLedger` for such a mark; is called at most twice.
  /// - Throws: `DatabaseLocked` with `.retry`, naming the holder, while somebody is at work behind
  ///   the mark.
  func read<Result>(
    _ body: (PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    try DirtyMark.settled { () throws(StepFailure) in
      try snapshot(body)
    } underLock: { () throws(StepFailure) in
      try underLock(body)
    }
  }

  /// The same for what is told of a schema, which says who is at work behind a mark.
  func report(
    _ body: (PostgresOwnSchema) throws(StepFailure) -> SchemaReport
  ) throws(StepFailure) -> SchemaReport {
    try DirtyMark.report { () throws(StepFailure) in
      try snapshot(body)
    } underLock: { () throws(StepFailure) in
      try underLock(body)
    }
  }

  /// Reads under every lock of golang-migrate's.
  ///
  /// - Throws: `DatabaseLocked` with `.retry`, naming the holder, while one is held.
  func underLock<Result>(
    _ body: (PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    switch connection.dialect {
    case .postgres: return try underKeys(body)
    case .cockroachdb:
      try CockroachTables.make(place, on: connection)
      let lock = try CockroachLock(connection, place)
      defer { lock.release() }
      return try snapshot(body)
    }
  }

  private func snapshot<Result>(
    _ body: (PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    try connection.snapshot(beginningWith: [PostgresOwnSchema.tablesQuestion(place)]) {
      connection, answers throws(StepFailure) in
      var own = PostgresOwnSchema(connection, place, tables: answers[0])
      try own.readAhead()
      return try body(own)
    }
  }

  /// Reads in a transaction that holds golang-migrate's keys and rows, and leaves nothing.
  private func underKeys<Result>(
    _ body: (PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let keys = TransactionKeys(place: place)
    do throws(StepFailure) {
      return try connection.transaction(options.ownLimits, beginningWith: [keys.statement]) {
        connection, answers throws(StepFailure) in
        _ = try keys.check(answers[0], on: connection)
        let own = try PostgresOwnSchema(connection, place)
        try own.lockRows()
        let result = try body(own)
        try own.unlockRows()
        return result
      }.result
    } catch {
      var failure = error
      failure.repeatIfOutcomeIsUnknown()
      throw failure
    }
  }
}
