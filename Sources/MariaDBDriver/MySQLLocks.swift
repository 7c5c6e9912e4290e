import WindlassCore
import WindlassSchema

/// The server's named locks that keep migration tools apart; they end with their session.
struct MySQLLocks {
  let connection: MySQLConnection
  let ledger: MySQLLedger

  /// The lock that only Windlass takes.
  var ownName: String {
    "windlass:" + String(SHA256.digest(of: connection.address.database).text.prefix(40))
  }

  /// The lock that golang-migrate takes as well.
  var sharedName: String { ledger.lockName(database: connection.address.database) }

  /// Makes one attempt at a lock, without waiting.
  ///
  /// - Throws: `DatabaseLocked` with `.retry`, naming the session that holds it.
  func take(_ name: String) throws(StepFailure) {
    let answers = try connection.run(together: [
      SQLStatement("SELECT GET_LOCK(?, 0)", [.text(name)]),
      SQLStatement("SELECT IS_USED_LOCK(?)", [.text(name)]),
    ]).map { $0.rows.first?.values.first ?? .null }
    let holder = answers[1].integer
    guard answers[0] == .integer(1) else {
      throw StepFailure(
        code: "DatabaseLocked", disposition: .retry,
        message: "Another migration of \(connection.address.name) is under way:"
          + " \(try describe(holder)) holds the lock \(name).")
    }
    guard holder == Int64(clamping: connection.id) else {
      throw StepFailure(
        code: "PoolerInTheWay", disposition: .stop,
        message: "The lock \(name) in \(connection.address.name) was taken for another session"
          + " than this one, as behind a pooling proxy. Give Windlass the address of the server"
          + " itself.")
    }
  }

  /// Takes golang-migrate's lock to look at the ledger under it.
  ///
  /// - Throws: `MigrationRunning` with `.wait` while a migration holds it.
  func takeToLook() throws(StepFailure) {
    do throws(StepFailure) {
      try take(sharedName)
    } catch {
      guard error.code == "DatabaseLocked" else { throw error }
      throw StepFailure(code: "MigrationRunning", disposition: .wait, message: error.message)
    }
  }

  /// Gives a lock back; the end of the session does the same.
  func release(_ name: String) {
    // A session that is lost holds nothing any more.
    _ = try? connection.scalar("SELECT RELEASE_LOCK(?)", [.text(name)])
  }

  /// The connection that holds a lock; nil when nobody does.
  func holder(of name: String) throws(StepFailure) -> Int64? {
    try connection.scalar("SELECT IS_USED_LOCK(?)", [.text(name)]).integer
  }

  /// Ends a session of an earlier attempt and waits until it is gone.
  func end(_ session: Int64) async throws(StepFailure) {
    let began = ContinuousClock.now
    while try isAlive(session) {
      _ = try? connection.run("KILL CONNECTION \(session)")
      guard (ContinuousClock.now - began).interval < Bounds.interruptionDeadline else {
        throw StepFailure(
          code: "SessionAlive", disposition: .retry,
          message: "Session \(session) of an earlier attempt at \(connection.address.name) was told"
            + " to end and still runs a statement. Wait for it; `SHOW PROCESSLIST` shows it.")
      }
      do {
        try await Task.sleep(for: .milliseconds(Bounds.lockBudgetDefault.milliseconds))
      } catch {
        throw StepFailure(
          code: "Cancelled", disposition: .retry,
          message: "Waiting for session \(session) on \(connection.address.name) was cancelled.")
      }
    }
  }

  private func isAlive(_ session: Int64) throws(StepFailure) -> Bool {
    try connection.scalar(
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = \(session)") != .integer(0)
  }

  private func describe(_ session: Int64?) throws(StepFailure) -> String {
    guard let session else { return "a session that has just ended" }
    let row = try connection.rows(
      "SELECT USER, HOST, TIME FROM information_schema.PROCESSLIST WHERE ID = \(session)"
    ).first
    guard let row else { return "session \(session)" }
    return "session \(session) (\(row["USER"].text ?? "?")@\(row["HOST"].text ?? "?"))"
  }
}

/// Who keeps a statement from its lock.
enum MySQLBlockers {
  /// Who may be in the way, as sentences: the oldest open transactions of other sessions, those of
  /// sessions in this database first. InnoDB makes its list of transactions anew only when nobody
  /// has read it for a tenth of a second, so that on a server that is polled faster it may know
  /// none of this database; the sessions that are idle in it are named then.
  static func describe(on connection: MySQLConnection) -> String {
    // Without the right to see other sessions nobody is named.
    let rows =
      (try? connection.rows(
        """
        SELECT t.trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS age,
          p.USER AS who, p.HOST AS place, p.DB <=> DATABASE() AS here
        FROM information_schema.INNODB_TRX t
        LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
        WHERE t.trx_mysql_thread_id NOT IN (0, CONNECTION_ID())
        ORDER BY here DESC, t.trx_started LIMIT 3
        """)) ?? []
    var text = ""
    if !rows.isEmpty {
      text += " Open transactions: \(rows.map(session).joined(separator: ", "))."
    }
    guard rows.first?["here"].integer != 1 else { return text }
    let idle =
      (try? connection.rows(
        """
        SELECT ID AS id, TIME AS age, USER AS who, HOST AS place
        FROM information_schema.PROCESSLIST
        WHERE DB = DATABASE() AND COMMAND = 'Sleep' AND ID <> CONNECTION_ID()
        ORDER BY TIME DESC LIMIT 3
        """)) ?? []
    if !idle.isEmpty {
      text +=
        " Idle sessions of this database, which may have a transaction open:"
        + " \(idle.map(session).joined(separator: ", "))."
    }
    return text
  }

  private static func session(_ row: SQLRow) -> String {
    let (id, age) = (row["id"].integer ?? 0, row["age"].integer ?? 0)
    return "session \(id) (\(row["who"].text ?? "?")@\(row["place"].text ?? "?")) for \(age) s"
  }

  /// A lock on a table that a session holds or waits for.
  struct TableLock: Hashable, Sendable {
    var session: Int64
    /// Tells it from a later one of the same session.
    var identity: String
  }

  /// For how long InnoDB may repeat its list of transactions.
  static let listAge = Interval.milliseconds(110)

  /// What may keep a statement from its lock for long: the locks of other sessions on the tables,
  /// or where MariaDB does not tell those, the transactions of this database that are open while
  /// nobody does anything in them.
  static func lasting(on tables: [String], _ connection: MySQLConnection) -> Set<TableLock> {
    let locks = locks(on: tables, connection)
    guard connection.server.isMariaDB, locks.isEmpty else { return locks }
    // Without the right to see other sessions the attempt itself finds out. Where there is no
    // transaction at all, as is most often, the sessions need not be listed, which takes far more.
    let others = try? connection.scalar(countingTransactions)
    guard others != .integer(0) else { return [] }
    let rows = try? connection.rows(
      """
      SELECT t.trx_mysql_thread_id AS session, CONCAT(t.trx_started, ' ', p.ID) AS identity
      FROM information_schema.INNODB_TRX t
      JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
      WHERE p.DB = DATABASE() AND p.COMMAND = 'Sleep' AND p.ID <> CONNECTION_ID()
      """)
    return tableLocks(rows ?? [])
  }

  /// Counts the open transactions of other sessions.
  static let countingTransactions = """
    SELECT COUNT(*) FROM information_schema.INNODB_TRX
    WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID())
    """

  private static func tableLocks(_ rows: [SQLRow]) -> Set<TableLock> {
    Set(
      rows.compactMap { row in
        row["session"].integer.map { TableLock(session: $0, identity: row.text("identity")) }
      })
  }

  /// The locks of other sessions on the tables, where the server tells them; empty elsewhere.
  static func locks(on tables: [String], _ connection: MySQLConnection) -> Set<TableLock> {
    guard !tables.isEmpty, connection.tellsLocks else { return [] }
    let names = tables.map { MySQLText.literal(.text($0)) }.joined(separator: ", ")
    let query =
      connection.server.isMariaDB
      ? """
      SELECT DISTINCT THREAD_ID AS session, THREAD_ID AS identity
      FROM information_schema.METADATA_LOCK_INFO
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (\(names))
        AND THREAD_ID <> CONNECTION_ID()
      """
      : """
      SELECT t.PROCESSLIST_ID AS session,
        CONCAT_WS('-', l.OWNER_THREAD_ID, l.OWNER_EVENT_ID, l.OBJECT_INSTANCE_BEGIN) AS identity
      FROM performance_schema.metadata_locks l
      JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID
      WHERE l.OBJECT_SCHEMA = DATABASE() AND l.OBJECT_NAME IN (\(names))
        AND l.OBJECT_TYPE = 'TABLE' AND t.PROCESSLIST_ID <> CONNECTION_ID()
      """
    // The view is a plugin's or needs a right; without it the attempt itself finds out.
    guard let rows = try? connection.rows(query) else {
      connection.tellsLocks = false
      return []
    }
    return tableLocks(rows)
  }

  /// Sessions that hold a lock on one of the tables, where the server tells it.
  static func holders(of tables: [String], on connection: MySQLConnection) -> [Int64] {
    Set(locks(on: tables, connection).map(\.session)).sorted()
  }

  /// The failure of an attempt at a lock, with who was in the way.
  static func blocked(
    _ failure: StepFailure, by holders: [Int64] = [], on connection: MySQLConnection
  ) -> StepFailure {
    var failure = failure
    let others = describe(on: connection)
    if !holders.isEmpty {
      failure.message += " Holding it: session \(holders.map(String.init).joined(separator: ", "))."
    }
    failure.message += others
    return failure
  }

  /// What a failure becomes when the deadline for locks is over.
  static func overdue(_ failure: StepFailure, waited: Interval) -> StepFailure {
    guard ["DatabaseLocked", "Interrupted"].contains(failure.code) else { return failure }
    return StepFailure(
      code: "LockNotObtained", disposition: .retry,
      message: "No lock was had within \(waited); nothing was changed by the statement."
        + " \(failure.message) End the long transaction there, then try again.")
  }
}
