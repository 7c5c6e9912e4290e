import WindlassCore
import WindlassSchema

/// The tables that Windlass and golang-migrate keep in a CockroachDB database.
///
/// Each is made by a statement of its own, outside any transaction: a definition in a transaction
/// could fail after it was committed.
enum CockroachTables {
  /// Makes those that are missing.
  static func make(_ place: LedgerPlace, on connection: PostgresConnection) throws(StepFailure) {
    let existing = try PostgresOwnSchema(connection, place).existing
    for (name, columns) in columns(place) where !existing.contains(name) {
      try connection.run(script: "CREATE TABLE IF NOT EXISTS \(place.own(name)) (\(columns))")
    }
  }

  private static func columns(_ place: LedgerPlace) -> [(name: String, columns: String)] {
    let single = "id INT PRIMARY KEY CHECK (id = 1)"
    return [
      // As golang-migrate makes them.
      (place.lockTable, "lock_id INT NOT NULL PRIMARY KEY"),
      (place.table, "version INT NOT NULL PRIMARY KEY, dirty BOOL NOT NULL"),
      (OwnTables.fence, "\(single), epoch bigint NOT NULL, holder text NOT NULL"),
      (OwnTables.identity, "\(single), system text NOT NULL"),
      (
        OwnTables.history,
        """
        version bigint PRIMARY KEY, file text NOT NULL, checksum text NOT NULL, phase text NOT NULL, \
        run text NOT NULL, duration_ms bigint NOT NULL, applied_at bigint NOT NULL
        """
      ),
      (
        OwnTables.run,
        """
        sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL UNIQUE, \
        epoch bigint NOT NULL, committed_at bigint NOT NULL
        """
      ),
      (
        OwnTables.catalogue,
        "\(single), version bigint, fingerprint text NOT NULL, catalogue text NOT NULL"
      ),
      (
        OwnTables.progress,
        """
        \(single), version bigint NOT NULL, before bigint, checksum text NOT NULL, run text NOT NULL, \
        done bigint NOT NULL, begun bigint NOT NULL, prefix text NOT NULL, statement text NOT NULL, \
        began_at bigint NOT NULL, catalogue text NOT NULL
        """
      ),
      (OwnTables.backfill, PostgresOwnSchema.backfillColumns),
      (
        OwnTables.lock,
        """
        \(single), token text NOT NULL, session text NOT NULL, username text NOT NULL, \
        application text NOT NULL, expires_at bigint NOT NULL
        """
      ),
    ]
  }
}
