import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

/// A service's database behind a stand-in for CockroachDB, for one test.
final class CockroachWorld: Sendable {
  /// The same database as PostgreSQL has it.
  let below: PostgresWorld
  let server: CockroachStandIn
  let url: PostgresURL

  init(_ files: [String: String] = [:]) throws {
    below = try PostgresWorld(files)
    server = try CockroachStandIn()
    url = try server.url(of: below.url)
  }

  deinit { server.close() }

  func options(
    _ change: (inout PostgresServiceOptions) -> Void = { _ in }
  ) throws -> PostgresServiceOptions {
    try below.options(url, change)
  }

  func connection() throws -> PostgresConnection {
    try PostgresConnection(PostgresOptions(url: url, applicationName: "test"))
  }

  @discardableResult
  func migrate(
    to target: SchemaVersion? = nil, deadline: Interval = .minutes(2)
  ) async throws -> MigrateOutcome {
    try await below.migrate(to: target, options: options { $0.lockDeadline = deadline })
  }

  /// What a migration fails with; nil when it does not.
  func failure(deadline: Interval = .minutes(2)) async -> StepFailure? {
    await PostgresDriverTests.failure { try await self.migrate(deadline: deadline) }
  }

  /// How often a statement with that text was sent.
  func count(of part: String) -> Int { server.statements.count { $0.contains(part) } }

  func columns(of table: String) throws -> [String] {
    try below.connection().rows(
      """
      SELECT attname::text FROM pg_attribute
      WHERE attrelid = to_regclass('\(table)') AND attnum > 0 AND NOT attisdropped ORDER BY attnum
      """
    ).compactMap { $0.values[0].text }
  }
}

/// golang-migrate's driver for CockroachDB, statement by statement.
struct EmulatedCockroachMigrate {
  let connection: PostgresConnection
  let key: Int64

  /// Its constructor's part on the tables.
  func makeTables() throws {
    try connection.run(
      script: """
        CREATE TABLE IF NOT EXISTS "schema_lock" (lock_id INT NOT NULL PRIMARY KEY)
        """)
    try connection.run(
      script: """
        CREATE TABLE IF NOT EXISTS "schema_migrations" (version INT NOT NULL PRIMARY KEY, \
        dirty BOOL NOT NULL)
        """)
  }

  /// Its `Lock`: true when it was had, and it never waits.
  func lock() throws -> Bool {
    try connection.transaction(PostgresLimits(holdBudget: nil)) { connection throws(StepFailure) in
      let rows = try connection.rows(
        "SELECT * FROM \"schema_lock\" WHERE lock_id = $1", [.integer(key)])
      guard rows.isEmpty else { return false }
      try connection.execute("INSERT INTO \"schema_lock\" (lock_id) VALUES ($1)", [.integer(key)])
      return true
    }.result
  }

  /// Its `Unlock`.
  func unlock() throws {
    try connection.execute("DELETE FROM \"schema_lock\" WHERE lock_id = $1", [.integer(key)])
  }
}
