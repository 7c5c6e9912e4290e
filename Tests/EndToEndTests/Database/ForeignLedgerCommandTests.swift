import CMariaDB
import CSQLite
import Glibc
import PostgresDriver
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

/// `gate` and `schema` on databases that other tools migrate, with the tables as those tools make
/// them.
@Suite(.serialized)
struct ForeignLedgerCommandTests {
  enum Engine: String, CaseIterable { case sqlite, postgres, mysql }

  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// A database with these statements done, and its URL.
  private func database(_ engine: Engine, _ statements: [String]) async throws -> String {
    switch engine {
    case .sqlite:
      let path = directory.file("a.db")
      var connection: OpaquePointer?
      defer { sqlite3_close(connection) }
      try #require(sqlite3_open(path, &connection) == SQLITE_OK)
      for statement in statements {
        let code = sqlite3_exec(connection, statement, nil, nil, nil)
        try #require(code == SQLITE_OK, "\(statement)")
      }
      return "sqlite://\(path)"
    case .postgres:
      let url = try await TestServers.shared.freshDatabase(.postgres)
      let connection = try PostgresConnection(PostgresOptions(url: PostgresURL(url)))
      for statement in statements { try connection.run(script: statement) }
      return url
    case .mysql:
      let url = try await TestServers.shared.freshDatabase(.mysql)
      let parts = url.split { ":/@?=".contains($0) }.map(String.init)
      let socket = String(url.drop { $0 != "=" }.dropFirst())
      let connection = try #require(mysql_init(nil))
      defer { mysql_close(connection) }
      let database = String(url.split(separator: "/")[2].prefix { $0 != "?" })
      try #require(
        mysql_real_connect(connection, nil, parts[1], parts[2], database, 0, socket, 0) != nil)
      for statement in statements {
        try #require(
          mysql_query(connection, statement) == 0, "\(String(cString: mysql_error(connection)))")
      }
      return url
    }
  }

  private func run(_ words: [String], _ url: String) throws -> Ended {
    try Program.run("windlass", words + ["--database", "env:DB"], environment: ["DB": url])
  }

  private func gate(_ tool: String, _ condition: String, _ url: String) throws -> Int32 {
    try run(["gate", "--ledger", tool, "--schema", condition], url).status
  }

  @Test(arguments: Engine.allCases)
  func `Alembic's revisions open a gate when they are there`(engine: Engine) async throws {
    let url = try await database(
      engine,
      [
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
          + " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
        "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
      ])
    #expect(try gate("alembic", "ae1027a6acf", url) == 0)
    #expect(try gate("alembic", "1975ea83b712", url) == 5)
    #expect(try gate("alembic", "!=1975ea83b712", url) == 0)
    let ended = try run(["gate", "--ledger", "alembic", "--schema", ">=ae1027a6acf"], url)
    #expect(ended.status == 2 && ended.errors.contains("needs an order"), "\(ended.text)")
  }

  @Test(arguments: Engine.allCases)
  func `Flyway's versions have an order, and a failed one is dirty`(engine: Engine) async throws {
    let columns =
      "installed_rank, version, description, type, script, checksum, installed_by,"
      + " execution_time, success"
    let url = try await database(
      engine,
      [
        """
        CREATE TABLE flyway_schema_history (installed_rank INT NOT NULL PRIMARY KEY,
          version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
          script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,
          installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
          execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL)
        """,
        "INSERT INTO flyway_schema_history (\(columns)) VALUES"
          + " (1, '1.2', 'a', 'SQL', 'V1.2__a.sql', 1, 'x', 1, true)",
        "INSERT INTO flyway_schema_history (\(columns)) VALUES"
          + " (2, '1.10', 'b', 'SQL', 'V1.10__b.sql', 1, 'x', 1, true)",
        "INSERT INTO flyway_schema_history (\(columns)) VALUES"
          + " (3, NULL, 'c', 'SQL', 'R__c.sql', 1, 'x', 1, true)",
      ])
    #expect(try gate("flyway", ">=1.9", url) == 0)
    #expect(try gate("flyway", ">=1.11", url) == 5)
    let schema = try run(["schema", "--ledger", "flyway", "--json"], url)
    let report = try JSONValue.parse(Array(schema.output.utf8))
    #expect(schema.status == 0 && report["version"] == "1.10")
    #expect(report["applied"] == ["1.2", "1.10"])
  }

  @Test(arguments: Engine.allCases)
  func `a failed migration of Flyway closes the gate`(engine: Engine) async throws {
    let url = try await database(
      engine,
      [
        "CREATE TABLE history (installed_rank INT PRIMARY KEY, version VARCHAR(50),"
          + " type VARCHAR(20), success BOOLEAN)",
        "INSERT INTO history VALUES (1, '1', 'SQL', true)",
        "INSERT INTO history VALUES (2, '2', 'SQL', false)",
      ])
    let words = ["--ledger", "flyway", "--ledger-table", "history"]
    #expect(try run(["gate", "--schema", ">=1"] + words, url).status == 6)
    let schema = try run(["schema"] + words, url)
    #expect(schema.status == 6 && schema.output.contains("2 failed"), "\(schema.text)")
  }

  @Test(arguments: Engine.allCases)
  func `Goose's versions that were taken back don't count`(engine: Engine) async throws {
    let id =
      switch engine {
      case .sqlite: "INTEGER PRIMARY KEY AUTOINCREMENT"
      case .postgres: "integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY"
      case .mysql: "serial NOT NULL PRIMARY KEY"
      }
    let rows = ["0, true", "20260101000000, true", "20260102000000, true", "20260102000000, false"]
    let url = try await database(
      engine,
      [
        "CREATE TABLE goose_db_version (id \(id), version_id bigint NOT NULL,"
          + " is_applied boolean NOT NULL, tstamp timestamp DEFAULT CURRENT_TIMESTAMP)"
      ]
        + rows.map { "INSERT INTO goose_db_version (version_id, is_applied) VALUES (\($0))" })
    #expect(try gate("goose", "=20260101000000", url) == 0)
    #expect(try gate("goose", ">20260101000000", url) == 5)
  }

  @Test(arguments: Engine.allCases)
  func `dbmate's and Django's ledgers are read`(engine: Engine) async throws {
    let url = try await database(
      engine,
      [
        "CREATE TABLE schema_migrations (version varchar(128) primary key)",
        "INSERT INTO schema_migrations VALUES ('20260101000000')",
        "INSERT INTO schema_migrations VALUES ('20260102000000')",
        "CREATE TABLE django_migrations (id bigint NOT NULL PRIMARY KEY,"
          + " app varchar(255) NOT NULL, name varchar(255) NOT NULL)",
        "INSERT INTO django_migrations VALUES (1, 'blog', '0001_initial')",
        "INSERT INTO django_migrations VALUES (2, 'blog', '0002_author')",
      ])
    #expect(try gate("dbmate", ">=20260102000000", url) == 0)
    #expect(try gate("dbmate", ">=20260103000000", url) == 5)
    #expect(try gate("django", "blog.0002_author", url) == 0)
    #expect(try gate("django", "blog.0003_tags", url) == 5)
  }

  @Test(arguments: Engine.allCases)
  func `a ledger that is missing opens nothing, and another table is told`(
    engine: Engine
  ) async throws {
    let url = try await database(engine, ["CREATE TABLE other (a int)"])
    for tool in ["alembic", "flyway", "goose", "dbmate", "django"] {
      #expect(try gate(tool, "!=1", url) == 5)
    }
    let ended = try run(
      ["gate", "--ledger", "goose", "--ledger-table", "other", "--schema", "1"], url)
    #expect(ended.status == 6, "\(ended.text)")
    #expect(ended.errors.contains("not the ledger of goose"), "\(ended.text)")
  }

  @Test func `a command tells the version, and is told the database by one variable`() async throws
  {
    let url = try await database(.sqlite, ["CREATE TABLE other (a int)"])
    let program = try directory.write(
      """
      #!/bin/sh
      echo no >&2
      [ "$URL" = '\(url)' ] && [ -z "$DB" ] && echo " 1.10 (clean)"
      """, to: "version")
    chmod(program, 0o755)
    let words = ["--ledger", "command", "--ledger-command", "\(program) now"]
    let told = words + ["--database-variable", "URL"]
    #expect(try run(["gate", "--schema", ">=1.9"] + told, url).status == 0)
    #expect(try run(["gate", "--schema", ">=1.11"] + told, url).status == 5)
    let failed = try run(["schema"] + words, url)
    #expect(failed.status == 1 && failed.errors.contains(program), "\(failed.text)")
    #expect(try run(["gate", "--schema", "1", "--ledger", "command"], url).status == 2)
  }

  @Test func `no ledger of another tool is written, and an unknown one is named`() async throws {
    let url = try await database(.sqlite, ["CREATE TABLE other (a int)"])
    let refused = try run(
      ["migrate", "--ledger", "alembic", "--path", directory.path], url)
    #expect(refused.status == 2 && refused.errors.contains("only read"), "\(refused.text)")
    let unknown = try run(["gate", "--ledger", "liquibase", "--schema", "1"], url)
    #expect(unknown.status == 2 && unknown.errors.contains("flyway"), "\(unknown.text)")
    #expect(try run(["gate", "--schema", "abc"], url).status == 2)
    #expect(try run(["schema", "--ledger", "goose", "--accept-drift"], url).status == 2)
  }
}
