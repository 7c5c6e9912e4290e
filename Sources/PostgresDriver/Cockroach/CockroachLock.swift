import WindlassCore
import WindlassSchema

/// Who migrates a CockroachDB database: golang-migrate's rows for both ways to open it, and one row
/// that says which session of Windlass they belong to.
///
/// There are no locks here that end with a session. Windlass's row names its session, which the
/// cluster lists while it lives, and a time by the server's clock; whoever finds a session that is
/// proven to be gone takes its rows over. A row that golang-migrate left says nothing of its maker,
/// and is never removed by Windlass.
final class CockroachLock {
  private let connection: PostgresConnection
  private let place: LedgerPlace
  private let token = String(UInt64.random(in: .min ... .max), radix: 16)
  private let session: String
  private let application: String
  private var isReleased = false

  /// Longer than the server lets any statement of the holder run, so that the statement of an
  /// expired row has ended; its jobs are looked for besides.
  private static let lifetime =
    Bounds.concurrentIndexDeadline.milliseconds + 10 * Bounds.statementGrace.milliseconds

  /// Takes all rows, or none.
  ///
  /// - Throws: `DatabaseLocked` with `.retry` while somebody else holds one.
  init(_ connection: PostgresConnection, _ place: LedgerPlace) throws(StepFailure) {
    self.connection = connection
    self.place = place
    session = try connection.sessionID()
    application = try connection.scalar("SHOW application_name").text ?? ""
    _ = try connection.transaction(PostgresLimits(holdBudget: Bounds.queryDeadline)) {
      connection throws(StepFailure) in
      try take(on: connection)
    }
  }

  deinit { release() }

  private func take(on connection: PostgresConnection) throws(StepFailure) {
    let holder = try CockroachHolder.current(place, on: connection)
    if let holder, try holder.mayLive(on: connection) { throw holder.failure(connection) }
    let taken = try connection.rows(
      "SELECT lock_id FROM \(lockTable) WHERE lock_id IN (\(keys)) ORDER BY lock_id"
    ).compactMap { $0.values[0].integer }
    // A dead Windlass left both; one alone is another tool's that came after a person removed ours.
    let isInherited = holder != nil && taken.count == place.rowKeys.count
    if !isInherited {
      guard taken.isEmpty else { throw heldByOther(taken) }
      let rows = place.rowKeys.map { "(\($0))" }.joined(separator: ", ")
      do throws(StepFailure) {
        try connection.execute("INSERT INTO \(lockTable) (lock_id) VALUES \(rows)")
      } catch {
        // Somebody's row came between the two statements.
        throw error.code == "ConstraintViolated" ? heldByOther(place.rowKeys) : error
      }
    }
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.lock)) (id, token, session, username, application, expires_at)
      VALUES (1, $1, $2, current_user, $3, $4) ON CONFLICT (id) DO UPDATE SET
        token = excluded.token, session = excluded.session, username = excluded.username,
        application = excluded.application, expires_at = excluded.expires_at
      """,
      [
        .text(token), .text(session), .text(application),
        .integer(try connection.serverClock().milliseconds + Self.lifetime),
      ])
  }

  private var lockTable: String { place.own(place.lockTable) }
  private var keys: String { place.rowKeys.map(String.init).joined(separator: ", ") }

  /// Fails unless the rows are still this session's, and renews their time; call it inside a
  /// transaction, which can't be committed then when somebody takes them meanwhile.
  func require() throws(StepFailure) {
    let changed = try connection.execute(
      "UPDATE \(place.own(OwnTables.lock)) SET expires_at = $2 WHERE token = $1",
      [.text(token), .integer(try connection.serverClock().milliseconds + Self.lifetime)])
    guard changed == 1 else {
      throw StepFailure(
        code: "LockLost", disposition: .retry,
        message: "The migration lock of \(connection.place) was taken by somebody else. Nothing"
          + " more is changed by this session; the next attempt looks at what is done.")
    }
  }

  /// Gives everything back; rows of a session that can't are taken over by the next one.
  func release() {
    guard !isReleased, connection.isAlive else { return }
    isReleased = true
    if connection.isInTransaction { connection.rollBack() }
    // The cluster no longer lists this session when the next one looks.
    _ = try? connection.transaction(PostgresLimits(holdBudget: Bounds.queryDeadline)) {
      connection throws(StepFailure) in
      let count = try connection.execute(
        "DELETE FROM \(place.own(OwnTables.lock)) WHERE token = $1", [.text(token)])
      guard count == 1 else { return }
      try connection.execute("DELETE FROM \(lockTable) WHERE lock_id IN (\(keys))")
    }
  }

  private func heldByOther(_ taken: [Int64]) -> StepFailure {
    let list = taken.map(String.init).joined(separator: ", ")
    return StepFailure(
      code: "DatabaseLocked", disposition: .retry,
      message: "\(lockTable) of \(connection.place) holds \(list): golang-migrate migrates, or was"
        + " killed while it did, and nothing there tells which. If no golang-migrate and no server"
        + " with it runs, remove what it left: DELETE FROM \(lockTable) WHERE lock_id IN (\(list))")
  }
}

/// The session of Windlass that holds the lock of a CockroachDB database.
struct CockroachHolder: Hashable {
  var session: String
  var user: String
  var application: String
  var expiresAt: Timestamp

  /// The holder; nil when the lock is free.
  static func current(
    _ place: LedgerPlace, on connection: PostgresConnection
  ) throws(StepFailure) -> CockroachHolder? {
    try connection.rows(
      "SELECT session, username, application, expires_at FROM \(place.own(OwnTables.lock))",
      limit: 1
    ).first.map { row in
      CockroachHolder(
        session: row.values[0].text ?? "", user: row.values[1].text ?? "",
        application: row.values[2].text ?? "",
        expiresAt: Timestamp(milliseconds: row.values[3].integer ?? 0))
    }
  }

  /// Whether the session may still be at work.
  ///
  /// Everybody sees their own user's sessions on all nodes. A node that did not answer is a row
  /// without a session, and nothing is proven then.
  func mayLive(on connection: PostgresConnection) throws(StepFailure) -> Bool {
    let row = try connection.rows(
      """
      SELECT count(*) FILTER (WHERE session_id = $1), count(*) FILTER (WHERE session_id IS NULL),
        current_user = $2
      FROM [SHOW CLUSTER SESSIONS]
      """, [.text(session), .text(user)], limit: 1
    ).first
    guard row?.values[0] == .integer(0) else { return true }
    if row?.values[1] == .integer(0), row?.values[2] == .integer(1) { return false }
    return try connection.serverClock() <= expiresAt
  }

  /// The failure of whoever meets it.
  func failure(_ connection: PostgresConnection) -> StepFailure {
    let name = application.isEmpty ? "" : " (\(application))"
    return StepFailure(
      code: "DatabaseLocked", disposition: .retry,
      message: "Another Windlass process migrates \(connection.place): session \(session)\(name) of"
        + " user \(user). If it hangs, end it with CANCEL SESSION '\(session)'.")
  }

  /// Fails while another session of Windlass migrates; call it inside a transaction.
  static func requireNone(
    _ own: PostgresOwnSchema
  ) throws(StepFailure) {
    guard own.has(OwnTables.lock), let holder = try current(own.place, on: own.connection),
      try holder.session != own.connection.sessionID(), try holder.mayLive(on: own.connection)
    else { return }
    throw holder.failure(own.connection)
  }
}
