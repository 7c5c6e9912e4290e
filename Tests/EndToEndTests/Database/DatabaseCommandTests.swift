import FoundationEssentials
import Glibc
import SQLiteDriver
import Testing
import WindlassCore
import WindlassWire

/// `migrate`, `schema`, `backup`, `restore` and `gate` as a person or a script runs them.
@Suite(.serialized)
struct DatabaseCommandTests {
  private let directory: TemporaryDirectory
  private let url: String

  init() throws {
    directory = try TemporaryDirectory()
    url = "sqlite://\(directory.file("service.db"))"
    _ = try directory.directory("m")
    _ = try directory.write("CREATE TABLE a (b);", to: "m/1_a.up.sql")
    _ = try directory.write("-- windlass: backfill\nINSERT INTO a VALUES (1);", to: "m/2_b.up.sql")
    _ = try directory.write("-- windlass: contract\nDELETE FROM a;", to: "m/3_c.up.sql")
  }

  private func run(_ command: String, _ arguments: String...) throws -> Ended {
    try Program.run("windlass", [command, "--database", url] + arguments)
  }

  private func migrate(_ arguments: String...) throws -> Ended {
    try Program.run(
      "windlass", ["migrate", "--database", url, "--path", directory.file("m")] + arguments)
  }

  private func connection() throws -> SQLiteConnection {
    try SQLiteConnection(SQLiteOptions(path: directory.file("service.db")))
  }

  @Test func `migrate stops before a contract file, and goes on when told to`() throws {
    #expect(try migrate().status == 1)
    #expect(try migrate("--create", "--dry-run").status == 5)
    #expect(!FileManager.default.fileExists(atPath: directory.file("service.db")))
    let first = try migrate("--create", "--json")
    #expect(first.status == 0)
    let reply = try JSONValue.parse(Array(first.output.utf8))
    #expect(reply["from"] == .null)
    #expect(reply["to"] == .integer(2))
    #expect(reply["applied"]?.array?.count == 2)
    #expect(reply["waiting"]?.array?.first?["file"] == .string("3_c.up.sql"))
    #expect(try migrate("--dry-run").status == 0)
    #expect(try migrate("--to", "3").status == 5)
    #expect(try migrate("--phase", "contract", "--dry-run").status == 5)
    #expect(try migrate("--phase", "contract").status == 0)
    #expect(try migrate("--phase", "contract", "--dry-run").status == 0)
  }

  @Test func `wrong arguments end with 2 and change nothing`() throws {
    #expect(try migrate("--create").status == 0)
    for arguments in [
      ["--to", "9"], ["--to", "1"], ["--phase", "all"], ["--lock-budget", "soon"],
      ["--ledger-table", "a b"],
    ] {
      let end = try Program.run(
        "windlass",
        ["migrate", "--database", url, "--path", directory.file("m")] + arguments)
      #expect(end.status == 2, "\(arguments): \(end.text)")
    }
    #expect(try run("gate", "--schema", "later").status == 2)
    #expect(
      try Program.run("windlass", ["schema", "--database", "sqlite://relative.db"]).status == 2)
  }

  @Test func `a dirty ledger, a changed file and drift end with 6`() throws {
    #expect(try migrate("--create").status == 0)
    #expect(try run("schema").status == 0)
    try connection().run(script: "UPDATE schema_migrations SET dirty = 1")
    #expect(try run("schema").status == 6)
    #expect(try migrate().status == 6)
    #expect(try run("gate", "--schema", ">=1").status == 6)
    try connection().run(script: "UPDATE schema_migrations SET dirty = 0")
    _ = try directory.write("CREATE TABLE a (c);", to: "m/1_a.up.sql")
    let changed = try migrate()
    #expect(changed.status == 6)
    #expect(changed.text.contains("1_a.up.sql"))
    _ = try directory.write("CREATE TABLE a (b);", to: "m/1_a.up.sql")
    try connection().run(script: "CREATE TABLE by_hand (x)")
    #expect(try run("schema").status == 6)
    let drifted = try migrate("--phase", "contract")
    #expect(drifted.status == 6)
    #expect(drifted.text.contains("Table by_hand is new."))
    #expect(try run("schema", "--accept-drift").status == 0)
    #expect(try migrate("--phase", "contract").status == 0)
  }

  @Test func `a migration that another tool took back is applied again after a person's word`()
    throws
  {
    #expect(try migrate("--create").status == 0)
    try connection().run(
      script: "DELETE FROM a; UPDATE schema_migrations SET version = 1")
    #expect(try migrate().status == 6)
    #expect(try run("schema", "--accept-drift").status == 0)
    #expect(try migrate().status == 0)
    #expect(try connection().scalar("SELECT count(*) FROM a") == .integer(1))
  }

  @Test func `a lock that is not had ends with 7 and changes nothing`() throws {
    #expect(try migrate("--create").status == 0)
    let server = try connection()
    try server.execute("BEGIN IMMEDIATE")
    let end = try migrate(
      "--phase", "contract", "--lock-budget", "5ms", "--lock-deadline", "50ms")
    #expect(end.status == 7)
    // The kernel says who holds it.
    #expect(end.text.contains("process \(getpid()) holds it"))
    try server.execute("COMMIT")
    #expect(try migrate("--phase", "contract").status == 0)
  }

  @Test func `two engines at once apply each file once`() async throws {
    for number in 10..<30 {
      _ = try directory.write("CREATE TABLE t\(number) (a);", to: "m/\(number)_t.up.sql")
    }
    #expect(try migrate("--create", "--to", "2").status == 0)
    let arguments = [
      "migrate", "--database", url, "--path", directory.file("m"), "--phase", "contract",
    ]
    let ends = try await withThrowingTaskGroup(of: Ended.self) { group in
      for _ in 0..<3 { group.addTask { try Program.run("windlass", arguments) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(ends.map(\.status) == [0, 0, 0], "\(ends.map(\.text))")
    #expect(try connection().scalar("SELECT count(*) FROM windlass_migration_log") == .integer(23))
  }

  @Test func `a gate opens when the schema is there, and not before`() async throws {
    #expect(try run("gate", "--schema", ">=2").status == 5)
    let arguments = ["gate", "--database", url, "--schema", ">=2 <=5", "--wait", "5m"]
    async let opened = Program.run("windlass", arguments)
    #expect(try migrate("--create").status == 0)
    #expect(try await opened.status == 0)
    #expect(try run("gate", "--schema", ">=3").status == 5)
    #expect(try run("gate", "--schema", "=2, !=3").status == 0)
  }

  @Test func `a backup is restored when the loss is named and nobody has the database open`()
    throws
  {
    let backups = directory.file("backups")
    #expect(try migrate("--create").status == 0)
    let taken = try run("backup", "--directory", backups, "--id", "b1", "--json")
    #expect(taken.status == 0)
    let manifest = try JSONValue.parse(Array(taken.output.utf8))
    #expect(manifest["verified"] == .bool(true))
    let moment = try #require(manifest["takenAt"]?.string)
    #expect(try run("backup", "--directory", backups, "--list").text.contains("b1"))
    #expect(try migrate("--phase", "contract").status == 0)
    let unnamed = try run("restore", "--directory", backups, "--backup", "b1")
    #expect(unnamed.status == 2)
    #expect(unnamed.text.contains("--accept-loss-since \(moment)"))
    let arguments = [
      "restore", "--database", url, "--directory", backups, "--backup", "b1",
      "--accept-loss-since", moment,
    ]
    do {
      let server = try connection()
      let inUse = try Program.run("windlass", arguments)
      #expect(inUse.status == 1)
      #expect(inUse.text.contains("\(directory.file("service.db")) is in use by process"))
      #expect(try server.scalar("SELECT version FROM schema_migrations") == .integer(3))
    }
    #expect(try Program.run("windlass", arguments).status == 0)
    #expect(try connection().scalar("SELECT version FROM schema_migrations") == .integer(2))
    #expect(try connection().scalar("SELECT count(*) FROM a") == .integer(1))
    #expect(try run("schema").status == 0)
  }

  @Test func `a backup that the disk has no room for leaves nothing and changes nothing`() throws {
    let backups = directory.file("backups")
    #expect(try migrate("--create").status == 0)
    try connection().run(
      script: """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
        INSERT INTO a SELECT randomblob(4000) FROM n; PRAGMA wal_checkpoint(TRUNCATE)
        """)
    let before = try directory.contents(of: "service.db")
    // The limit of a file's size stands for a disk that fills up in the middle of the copy.
    let words = [
      Program.path("windlass"), "backup", "--database", url, "--directory", backups,
    ]
    let limited = "ulimit -f 1000; exec " + words.joined(separator: " ")
    let end = try Program.run("/bin/sh", ["-c", limited])
    #expect(end.status == 1, "\(end.text)")
    #expect(end.text.contains("\(backups)/manual-"), "\(end.text)")
    #expect(end.text.contains("nothing was changed. Free space there, then try again."))
    #expect(directory.names(in: "backups").filter { !$0.hasPrefix(".") } == [])
    #expect(try directory.contents(of: "service.db") == before)
    #expect(try run("backup", "--directory", backups).status == 0)
  }
}
