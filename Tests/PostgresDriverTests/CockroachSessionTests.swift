import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

/// Sessions with a stand-in for CockroachDB.
@Suite(.serialized) struct CockroachSessionTests {
  @Test func `a session on CockroachDB pins what would commit or refuse behind its back`() throws {
    let world = try CockroachWorld()
    let connection = try world.connection()
    #expect(connection.server.release == [25, 2])
    let settings = try connection.rows(
      """
      SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('autocommit_before_ddl',
        'sql_safe_updates', 'lock_timeout', 'statement_timeout')
      """)
    let found = Dictionary(
      uniqueKeysWithValues: settings.map { ($0.values[0].text ?? "", $0.values[1].text ?? "") })
    #expect(
      found == [
        "autocommit_before_ddl": "off", "sql_safe_updates": "off", "lock_timeout": "100",
        "statement_timeout": "\(Bounds.statementDeadline.milliseconds)",
      ])
  }

  @Test func `a URL of one engine that reaches the other is refused, and both are named`() throws {
    let world = try CockroachWorld()
    let crossed = try PostgresURL(
      "cockroachdb://windlass@/\(world.url.database)?port=5432&host="
        + PostgresServer.shared.directory)
    #expect {
      _ = try PostgresConnection(PostgresOptions(url: crossed))
    } throws: { error in
      let failure = error as? StepFailure
      return failure?.code == "OtherEngine" && failure?.message.contains("CockroachDB") == true
        && failure?.message.contains("PostgreSQL") == true
    }
    let other = try PostgresURL(
      "postgres://windlass@/\(world.url.database)?port=26257&host=\(world.server.directory)")
    #expect {
      _ = try PostgresConnection(PostgresOptions(url: other))
    } throws: { error in (error as? StepFailure)?.code == "OtherEngine" }
  }

  @Test func `a transaction that gives way is done again from its savepoint`() throws {
    let world = try CockroachWorld()
    let connection = try world.connection()
    try connection.run(script: "CREATE TABLE a (b INT)")
    world.server.inject(.failsBefore("40001"), into: "RELEASE SAVEPOINT cockroach_restart")
    world.server.inject(.failsBefore("40001"), into: "INSERT INTO a VALUES (1)")
    var attempts = 0
    _ = try connection.transaction(PostgresLimits(holdBudget: nil)) {
      connection throws(StepFailure) in
      attempts += 1
      try connection.run(script: "INSERT INTO a VALUES (1)")
    }
    #expect(attempts == 3)
    #expect(world.count(of: "ROLLBACK TO SAVEPOINT cockroach_restart") == 2)
    #expect(try connection.scalar("SELECT count(*) FROM a") == .integer(1))
  }

  @Test func `a commit of which the server does not know the outcome is told as that`() throws {
    let world = try CockroachWorld()
    let connection = try world.connection()
    try connection.run(script: "CREATE TABLE a (b INT)")
    world.server.inject(.failsAfter("40003"), into: "RELEASE SAVEPOINT cockroach_restart")
    #expect {
      _ = try connection.transaction(PostgresLimits(holdBudget: nil)) {
        connection throws(StepFailure) in
        try connection.run(script: "INSERT INTO a VALUES (1)")
      }
    } throws: { error in (error as? StepFailure)?.code == "OutcomeUnknown" }
    #expect(!connection.isInTransaction)
  }

  @Test func `a database that does not exist is told, although the server lets a session in`()
    throws
  {
    let url = try PostgresURL("cockroachdb://root@localhost:26258/nothing")
    #expect(url.dialect == .cockroachdb)
    #expect(try PostgresURL("cockroachdb://root@localhost/x").place == "localhost:26257/x")
    #expect(try PostgresURL(url.reference) == url)
  }
}
