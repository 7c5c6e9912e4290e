import Glibc
import PostgresDriver
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

/// `migrate`, `schema` and `gate` on PostgreSQL, as a person or a script runs them.
@Suite(.serialized)
struct PostgresCommandTests {
  private let directory: TemporaryDirectory
  private let url: String

  init() async throws {
    directory = try TemporaryDirectory()
    url = try await TestServers.shared.freshDatabase(.postgres)
    _ = try directory.directory("m")
    _ = try directory.write("CREATE TABLE a (b int);", to: "m/1_a.up.sql")
    _ = try directory.write("-- windlass: backfill\nINSERT INTO a VALUES (1);", to: "m/2_b.up.sql")
    _ = try directory.write("-- windlass: contract\nDELETE FROM a;", to: "m/3_c.up.sql")
  }

  private func run(_ command: String, _ arguments: String...) throws -> Ended {
    try Program.run(
      "windlass", [command, "--database", "env:DB"] + arguments, environment: ["DB": url])
  }

  private func migrate(_ arguments: String...) throws -> Ended {
    try Program.run(
      "windlass",
      ["migrate", "--database", "env:DB", "--path", directory.file("m"), "--hold-budget", "1m"]
        + arguments, environment: ["DB": url])
  }

  private func value(_ query: String) throws -> SQLValue {
    try PostgresConnection(PostgresOptions(url: PostgresURL(url))).scalar(query)
  }

  @Test func `migrate stops before a contract file, and goes on when told to`() throws {
    #expect(try migrate("--dry-run").status == 5)
    #expect(try value("SELECT to_regclass('schema_migrations')") == .null)
    let first = try migrate("--json")
    #expect(first.status == 0)
    let reply = try JSONValue.parse(Array(first.output.utf8))
    #expect(reply["from"] == .null)
    #expect(reply["to"] == .integer(2))
    #expect(reply["waiting"]?.array?.first?["file"] == .string("3_c.up.sql"))
    #expect(try migrate("--dry-run").status == 0)
    #expect(try migrate("--phase", "contract").status == 0)
    #expect(try value("SELECT version FROM schema_migrations") == .integer(3))
    #expect(try value("SELECT count(*) FROM a") == .integer(0))
  }

  @Test func `schema and gate tell version, drift and a dirty row by their exit codes`() throws {
    #expect(try run("gate", "--schema", ">=1").status == 5)
    #expect(try migrate().status == 0)
    #expect(try run("gate", "--schema", ">=2").status == 0)
    #expect(try run("gate", "--schema", ">=3").status == 5)
    let schema = try run("schema", "--json")
    #expect(schema.status == 0)
    #expect(try JSONValue.parse(Array(schema.output.utf8))["history"]?.array?.count == 2)
    _ = try value("ALTER TABLE a ADD c int")
    #expect(try run("schema").status == 6)
    #expect(try run("schema", "--accept-drift").status == 0)
    _ = try value("UPDATE schema_migrations SET dirty = true")
    #expect(try run("schema").status == 6)
    #expect(try run("gate", "--schema", ">=2").status == 6)
    #expect(try migrate("--phase", "contract").status == 6)
  }

  @Test func `a lock that is not obtained ends with 7 and names its holder`() throws {
    #expect(try migrate().status == 0)
    _ = try directory.write("ALTER TABLE a ADD c int", to: "m/3_c.up.sql")
    let holder = try PostgresConnection(
      PostgresOptions(url: PostgresURL(url), applicationName: "holder"))
    try holder.run(script: "BEGIN; SELECT * FROM a")
    let ended = try migrate("--lock-deadline", "300ms")
    #expect(ended.status == 7)
    #expect(ended.errors.contains("process \(holder.process), holder"))
  }

  @Test func `no output holds the URL's password`() throws {
    let server = try #require(url.split(separator: "@").last)
    let secret = "postgres://nobody:hunter2@\(server)"
    for command in [["schema"], ["gate", "--schema", "1"], ["migrate", "--path", directory.path]] {
      let ended = try Program.run(
        "windlass", command + ["--database", "env:DB", "--json"], environment: ["DB": secret])
      #expect(ended.status != 0)
      #expect(!ended.text.contains("hunter2"))
    }
  }

  @Test(arguments: ["1_slow.up.sql", "2_slow.up.sql"])
  func `a migration killed in its body is applied once by the next command`(file: String) throws {
    // The first file runs in one transaction, the second in steps of which the first is done.
    let sleep = "SELECT pg_sleep(CASE WHEN nextval('attempts') = 1 THEN 600 ELSE 0 END);"
    let body = "CREATE TABLE t (x int); \(sleep) INSERT INTO t VALUES (1);"
    let steps = "CREATE TABLE t (x int); VACUUM t; \(sleep) INSERT INTO t VALUES (1);"
    _ = try directory.directory("slow")
    _ = try directory.write(
      "CREATE SEQUENCE attempts; SELECT setval('attempts', 1, false)", to: "slow/0_s.up.sql")
    _ = try directory.write(file.hasPrefix("1") ? body : steps, to: "slow/\(file)")
    let words = [
      "migrate", "--database", "env:DB", "--path", directory.file("slow"), "--hold-budget", "20m",
    ]
    let first = try Program.run("windlass", words + ["--to", "0"], environment: ["DB": url])
    #expect(first.status == 0, "\(first.text)")
    let program = try Program("windlass", words, environment: ["DB": url])
    let deadline = ContinuousClock.now + .seconds(120)
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while try value(asleep) == .integer(0) {
      try #require(ContinuousClock.now < deadline && program.isRunning, "\(program.text)")
      usleep(10_000)
    }
    program.send(SIGKILL)
    let again = try Program.run("windlass", words, environment: ["DB": url])
    #expect(again.status == 0, "\(again.text)")
    #expect(try value("SELECT count(*) FROM t") == .integer(1))
    #expect(try value("SELECT count(*) FROM windlass_migration_log") == .integer(2))
    #expect(try value("SELECT dirty FROM schema_migrations") == .integer(0))
  }
}
