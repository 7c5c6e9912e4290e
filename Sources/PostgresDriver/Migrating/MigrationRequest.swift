import WindlassCore
import WindlassSchema

/// A migration as one request: what it begins with, the body, what is written with it, and
/// `COMMIT`.
///
/// The server itself stops where the migration must not go on, because a check that does not hold
/// is an error there, after which it skips the rest. What is in the way is for `PostgresMigration`
/// to find out, which asks before it does anything.
struct MigrationRequest {
  /// How the request ended.
  enum End {
    case applied(HistoryEntry)
    /// Nothing is changed, or nobody knows, and the migration has to be looked at by itself.
    case stopped
    /// Nothing is changed, and trying again can't help.
    case failed(StepFailure)
  }

  /// What travels together; the last one is `COMMIT`.
  let statements: [PipelineStatement]
  private let step: MigrationStep
  private let limits: PostgresLimits
  private let checksum: Digest
  /// The body's places among the statements.
  private let body: Range<Int>
  private let sentAt = ContinuousClock.now

  /// Makes the request; nil for a migration that has to be looked at by itself.
  ///
  /// The tables of Windlass and the ledger are known to exist.
  init?(
    _ step: MigrationStep, place: LedgerPlace, options: PostgresServiceOptions,
    on connection: PostgresConnection
  ) {
    // What a file that can't be read lacks is told where it is run by itself.
    guard let after = step.after, step.fence == .none, step.body.backfill == nil,
      let body = (try? PostgresScript(step.body.text))?.plainStatements
    else { return nil }
    self.step = step
    limits = options.migrationLimits
    checksum = step.checksum
    let number = Int64(bitPattern: step.body.version.number)
    var statements = [
      PipelineStatement(SQLStatement("BEGIN")),
      PipelineStatement(Self.keys(place, limits, connection)),
      PipelineStatement(Self.ledgerCheck(place, from: after, to: number)),
    ]
    statements += Self.ways(to: body, options)
    self.body = statements.count..<(statements.count + body.count)
    statements += body.map { PipelineStatement(once: $0.textInPlace) }
    statements += [
      PipelineStatement(SQLStatement("DELETE FROM \(place.name)")),
      PipelineStatement(
        SQLStatement(
          "INSERT INTO \(place.name) (version, dirty) VALUES ($1, false)", [.integer(number)])),
      PipelineStatement(
        Self.recording(step, checksum: checksum, place, within: limits.holdBudget)),
      PipelineStatement(SQLStatement("COMMIT")),
    ]
    self.statements = statements
  }

  /// What became of the request.
  func end(_ reply: PipelineReply, on connection: PostgresConnection) -> End {
    guard let failure = reply.failure else {
      let values = reply.rows[body.upperBound + 2].first?.values ?? []
      guard values.count == 2, let duration = values[0].integer, let end = values[1].integer else {
        return .stopped
      }
      return .applied(
        HistoryEntry(
          version: step.body.version, file: step.body.file, checksum: checksum,
          phase: step.phase.rawValue, run: step.run, duration: .milliseconds(duration),
          appliedAt: Timestamp(milliseconds: end)))
    }
    guard failure.place >= body.lowerBound else { return .stopped }
    let code = failure.failure.code
    let isCut = code == "Interrupted" && isLate && !Task.isCancelled
    if isCut || failure.error?.message.contains(Self.overdue) == true {
      return .failed(connection.holdBudgetExceeded(limits))
    }
    if failure.failure.disposition == .retry || code == "OutcomeUnknown" { return .stopped }
    return .failed(
      body.contains(failure.place) ? step.rolledBack(failure.failure) : failure.failure)
  }

  /// Whether the time is over for which the transaction may hold locks.
  private var isLate: Bool {
    guard let holdBudget = limits.holdBudget else { return false }
    return ContinuousClock.now - sentAt >= .milliseconds(holdBudget.milliseconds)
  }

  // MARK: Checks

  /// What stands in the error of a check that does not hold, where somebody reads the server's log.
  private static let inTheWay = "windlass: a lock is held, or the ledger was moved"
  /// The same of a transaction that took too long.
  private static let overdue = "windlass: the hold budget is used up"

  /// An error as soon as the server comes to it: the text is no number.
  private static func stop(_ reason: String) -> String {
    "set_config('windlass.stop', '\(reason)', true)::int"
  }

  private static func require(_ condition: String) -> String {
    "SELECT CASE WHEN \(condition) THEN 1 ELSE \(stop(inTheWay)) END"
  }

  /// Takes all keys, checks that no pooler stands between and that golang-migrate locks by no
  /// table, and sets the limits.
  ///
  /// A statement by itself: what is read under the keys needs a snapshot that is taken later.
  private static func keys(
    _ place: LedgerPlace, _ limits: PostgresLimits, _ connection: PostgresConnection
  ) -> SQLStatement {
    let own = place.ownKey
    let keys = place.keys.map { "pg_try_advisory_xact_lock(\($0))" }
    let isNewer = connection.serverVersion >= PostgresLimits.transactionTimeoutVersion
    let settings = limits.values(knowsTransactionTimeout: isNewer).map { name, milliseconds in
      "set_config('\(name)', '\(milliseconds)', true) IS NOT NULL"
    }
    let conditions =
      [
        "pg_backend_pid() = \(connection.process)", "to_regclass($1) IS NULL",
        "pg_try_advisory_xact_lock(\(own.first), \(own.second))",
      ] + keys + settings
    return SQLStatement(
      require(conditions.joined(separator: " AND ")), [.text(place.own(place.lockTable))])
  }

  /// Checks that the ledger says what the migration builds on, and the history nothing of it.
  private static func ledgerCheck(
    _ place: LedgerPlace, from after: SchemaVersion, to number: Int64
  ) -> SQLStatement {
    SQLStatement(
      require(
        """
        (SELECT count(*) = 1 AND bool_and(version = $1 AND NOT dirty) FROM \(place.name))
          AND NOT EXISTS (SELECT FROM \(place.own(OwnTables.history)) WHERE version = $2)
        """), [.integer(Int64(bitPattern: after.number)), .integer(number)])
  }

  /// Checks that nobody holds what the statements have to lock.
  ///
  /// Where it is one table, and everybody is kept out of it at once, the lock itself is taken or
  /// not had; it stands in no queue either.
  private static func ways(
    to body: [PostgresStatement], _ options: PostgresServiceOptions
  ) -> [PipelineStatement] {
    if body.count == 1, let table = body[0].tableWithNewColumns {
      return [PipelineStatement(once: "LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE NOWAIT")]
    }
    return BlockerQuestion(body, olderThan: options.blockerAge).statements.map { question in
      PipelineStatement(
        SQLStatement(require("NOT EXISTS (\(question.text))"), question.parameters))
    }
  }

  /// Writes the history, in which the server says how long the body took, and drops what is not
  /// true any more.
  private static func recording(
    _ step: MigrationStep, checksum: Digest, _ place: LedgerPlace, within holdBudget: Interval?
  ) -> SQLStatement {
    let taken = "clock_timestamp() - transaction_timestamp()"
    let duration = "floor(extract(epoch FROM \(taken)) * 1000)::bigint"
    let checked =
      holdBudget.map { limit in
        "CASE WHEN \(taken) <= interval '\(limit.milliseconds) milliseconds' THEN \(duration)"
          + " ELSE \(stop(overdue)) END"
      } ?? duration
    return SQLStatement(
      """
      WITH records AS (DELETE FROM \(place.own(OwnTables.catalogue))),
        backfills AS (DELETE FROM \(place.own(OwnTables.backfill)) WHERE version >= $1)
      INSERT INTO \(place.own(OwnTables.history))
        (version, file, checksum, phase, run, duration_ms, applied_at)
      SELECT $1::bigint, $2::text, $3::text, $4::text, $5::text, took, $6::bigint + took
      FROM (SELECT \(checked) AS took) AS body RETURNING duration_ms, applied_at
      """,
      [
        .integer(Int64(bitPattern: step.body.version.number)), .text(step.body.file),
        .text(checksum.text), .text(step.phase.rawValue), .text(step.run.text),
        .integer(step.startedAt.milliseconds),
      ])
  }
}
