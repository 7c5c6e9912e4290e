import WindlassCore
import WindlassSchema

/// The advisory locks of one migration: golang-migrate's in every variant, and Windlass's own.
///
/// They are only ever tried for. A session that waits for one holds a snapshot, and an index that
/// is built beside writers waits for that snapshot: both would wait for ever.
final class MigrationKeys {
  private let connection: PostgresConnection
  private let place: LedgerPlace
  private var isReleased = false

  /// Takes all keys, or none.
  ///
  /// - Throws: `DatabaseLocked` with `.retry` while somebody else holds one; `PoolerRefused` when
  ///   the server does not show them as this session's.
  init(_ connection: PostgresConnection, _ place: LedgerPlace) throws(StepFailure) {
    self.connection = connection
    self.place = place
    let own = place.ownKey
    guard
      try connection.scalar("SELECT pg_try_advisory_lock(\(own.first), \(own.second))")
        == .integer(1)
    else {
      throw try held("another Windlass process")
    }
    do throws(StepFailure) {
      try takeForeign()
    } catch {
      releaseAll()
      throw error
    }
  }

  /// Takes golang-migrate's keys.
  func takeForeign() throws(StepFailure) {
    let list = place.keys.map(String.init).joined(separator: ",")
    let rows = try connection.rows(
      "SELECT pg_try_advisory_lock(key) FROM unnest('{\(list)}'::bigint[]) AS key",
      limit: place.keys.count)
    guard rows.allSatisfy({ $0.values[0] == .integer(1) }) else {
      // What this session got is given back; what it did not get it can't give back, which the
      // server only warns about.
      try releaseForeign()
      throw try held("a migration of golang-migrate")
    }
    let shown = try connection.rows(
      """
      SELECT pg_backend_pid(), count(*) FROM pg_locks
      WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::bigint << 32 | objid::bigint = ANY ('{\(list)}'::bigint[]) AND objsubid = 1
      """, limit: 1)
    guard
      shown.first?.values == [
        .integer(Int64(connection.process)), .integer(Int64(place.keys.count)),
      ]
    else { throw connection.pooled() }
  }

  /// Gives golang-migrate's keys back, and keeps Windlass's own.
  func releaseForeign() throws(StepFailure) {
    let list = place.keys.map(String.init).joined(separator: ",")
    _ = try connection.rows(
      """
      SELECT pg_advisory_unlock(key) FROM unnest('{\(list)}'::bigint[]) AS key
      WHERE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
        AND classid::bigint << 32 | objid::bigint = key AND objsubid = 1)
      """, limit: place.keys.count)
  }

  /// Gives everything back; a session that can't is gone, and its locks with it.
  func releaseAll() {
    guard !isReleased, connection.isAlive else { return }
    isReleased = true
    if connection.isInTransaction { connection.rollBack() }
    _ = try? connection.scalar("SELECT pg_advisory_unlock_all()")
  }

  deinit { releaseAll() }

  /// The failure for a key that somebody else holds, naming who.
  private func held(_ whom: String) throws(StepFailure) -> StepFailure {
    try Self.held(by: whom, place, on: connection)
  }

  /// The failure for a key that somebody else holds, naming who.
  fileprivate static func held(
    by whom: String, _ place: LedgerPlace, on connection: PostgresConnection
  ) throws(StepFailure) -> StepFailure {
    let own = place.ownKey
    let list = place.keys.map(String.init).joined(separator: ",")
    let rows = try connection.rows(
      """
      SELECT DISTINCT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.objsubid = 1 AND l.classid::bigint << 32 | l.objid::bigint = ANY ('{\(list)}')
          OR l.objsubid = 2 AND l.classid::bigint = \(own.first)
            AND l.objid::bigint = \(UInt32(bitPattern: own.second)))
      """)
    let holders = rows.prefix(Bounds.blockersNamedMax).map { row in
      let name = row.values[1].text ?? ""
      return "process \(row.values[0].integer ?? 0)" + (name.isEmpty ? "" : " (\(name))")
    }
    return StepFailure(
      code: "DatabaseLocked", disposition: .retry,
      message: "The migration lock of \(connection.place) is held by \(whom)"
        + (holders.isEmpty ? "" : ": \(holders.joined(separator: ", "))") + ".")
  }
}

/// The same keys for the length of one transaction, taken in it: nothing stands between them and
/// what it writes, and they go when it ends, in whatever way.
struct TransactionKeys {
  let place: LedgerPlace

  /// Tries for all keys; tells as well whether golang-migrate's table of locks exists.
  var statement: SQLStatement {
    let own = place.ownKey
    let list = place.keys.map(String.init).joined(separator: ",")
    return SQLStatement(
      """
      SELECT pg_backend_pid(), pg_try_advisory_xact_lock(\(own.first), \(own.second)),
        (SELECT bool_and(pg_try_advisory_xact_lock(key))
          FROM unnest('{\(list)}'::bigint[]) AS key),
        to_regclass($1) IS NOT NULL
      """, [.text(place.own(place.lockTable))])
  }

  /// Checks that all were had, and by the session's own server process.
  ///
  /// - Returns: whether golang-migrate's table of locks exists.
  /// - Throws: `DatabaseLocked` with `.retry` while somebody else holds one.
  func check(_ answer: [SQLRow], on connection: PostgresConnection) throws(StepFailure) -> Bool {
    guard let values = answer.first?.values, values.count == 4,
      values[0] == .integer(Int64(connection.process))
    else { throw connection.pooled() }
    guard values[1] == .integer(1) else {
      throw try MigrationKeys.held(by: "another Windlass process", place, on: connection)
    }
    guard values[2] == .integer(1) else {
      throw try MigrationKeys.held(by: "a migration of golang-migrate", place, on: connection)
    }
    return values[3] == .integer(1)
  }
}
