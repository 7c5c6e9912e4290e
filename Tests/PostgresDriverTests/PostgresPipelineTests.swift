import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Statements that travel together, the keys of a transaction, and the stamp of a schema.
struct PostgresPipelineTests {
  private let url: PostgresURL
  private let connection: PostgresConnection

  init() throws {
    url = try PostgresServer.shared.makeDatabase()
    connection = try PostgresConnection(PostgresOptions(url: url))
  }

  @Test func `each statement has its own rows, also the second time`() throws {
    let statements = [
      SQLStatement("SELECT $1::int + 1", [.integer(4)]), SQLStatement("SELECT 1 WHERE false"),
      SQLStatement("SELECT n FROM generate_series(1, 3) AS n"),
      SQLStatement("SELECT $1::int + 1", [.integer(6)]),
    ]
    for _ in 0..<3 {
      let rows = try connection.pipeline(statements)
      #expect(
        rows.map { $0.map(\.values) } == [
          [[.integer(5)]], [], [[.integer(1)], [.integer(2)], [.integer(3)]], [[.integer(7)]],
        ])
    }
  }

  @Test func `after one that fails nothing runs, and the session goes on`() throws {
    try connection.run(script: "CREATE TABLE t (a int)")
    let failure = #expect(throws: StepFailure.self) {
      try connection.transaction(PostgresLimits(holdBudget: .seconds(30))) {
        connection throws(StepFailure) in
        _ = try connection.pipeline([
          SQLStatement("INSERT INTO t VALUES (1)"), SQLStatement("SELECT 1 / (SELECT 0)"),
          SQLStatement("INSERT INTO t VALUES (2)"),
        ])
      }
    }
    #expect(failure?.code == "StatementFailed")
    #expect(try connection.scalar("SELECT count(*) FROM t") == .integer(0))
    let rows = try connection.pipeline([
      SQLStatement("INSERT INTO t VALUES (1)"), SQLStatement("SELECT count(*) FROM t"),
    ])
    #expect(rows[1].first?.values == [.integer(1)])
  }

  @Test func `a transaction's keys keep others out until it ends`() throws {
    let place = try PostgresLedger().located(on: connection)
    let other = try PostgresConnection(PostgresOptions(url: url))
    let keys = TransactionKeys(place: place)
    _ = try connection.transaction(
      PostgresLimits(holdBudget: .seconds(30)), beginningWith: [keys.statement]
    ) {
      connection, answers throws(StepFailure) in
      #expect(try !keys.check(answers[0], on: connection))
      for key in place.keys {
        #expect(try other.scalar("SELECT pg_try_advisory_lock(\(key))") == .integer(0))
      }
      let failure = #expect(throws: StepFailure.self) { try MigrationKeys(other, place) }
      #expect(failure?.disposition == .retry)
    }
    _ = try MigrationKeys(other, place)
  }

  @Test func `a key of golang-migrate that is held is waited for`() throws {
    let place = try PostgresLedger().located(on: connection)
    let other = try PostgresConnection(PostgresOptions(url: url))
    let keys = TransactionKeys(place: place)
    for key in place.keys {
      try other.execute("SELECT pg_advisory_lock(\(key))")
      let failure = #expect(throws: StepFailure.self) {
        try connection.transaction(
          PostgresLimits(holdBudget: .seconds(30)), beginningWith: [keys.statement]
        ) {
          connection, answers throws(StepFailure) in
          _ = try keys.check(answers[0], on: connection)
        }
      }
      #expect(failure?.code == "DatabaseLocked")
      #expect(failure?.message.contains("golang-migrate") == true)
      try other.execute("SELECT pg_advisory_unlock_all()")
    }
  }

  static let changes = [
    "ALTER TABLE t ADD COLUMN c int", "ALTER TABLE t ALTER a SET DEFAULT 5", "DROP VIEW v",
    "ALTER TABLE t RENAME a TO z", "ALTER TABLE t ALTER a TYPE bigint", "DROP INDEX i",
    "CREATE OR REPLACE VIEW v AS SELECT a + 1 AS a FROM t", "ALTER TYPE mood ADD VALUE 'more'",
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    "ALTER TABLE t ADD CHECK (a > 0) NOT VALID", "ALTER SEQUENCE s INCREMENT 5",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t USING (true)",
    "ALTER TABLE t DISABLE TRIGGER g", "ALTER SCHEMA public RENAME TO elsewhere",
    "ALTER DOMAIN positive SET DEFAULT 3", "ALTER DOMAIN positive DROP CONSTRAINT positive_check",
    "ALTER TABLE t SET (fillfactor = 50)", "ALTER TABLE t SET UNLOGGED",
    "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
  ]

  @Test(arguments: changes)
  func `each change of the schema changes its stamp, and rows do not`(change: String) throws {
    try connection.run(
      script: """
        CREATE TABLE t (a int NOT NULL); CREATE INDEX i ON t (a);
        CREATE VIEW v AS SELECT a FROM t WHERE a > 1; CREATE TYPE mood AS ENUM ('ok');
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s;
        CREATE FUNCTION n() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION n();
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        """)
    if change.contains("ALTER a TYPE") || change.contains("UNLOGGED") {
      try connection.run(script: "DROP VIEW v")
    }
    let before = try connection.catalogueStamp()
    try connection.run(script: "INSERT INTO t VALUES (3), (4); SELECT nextval('s')")
    try connection.run(script: "VACUUM ANALYZE t")
    #expect(try connection.catalogueStamp() == before)
    try connection.run(script: change)
    #expect(try connection.catalogueStamp() != before)
  }
}
