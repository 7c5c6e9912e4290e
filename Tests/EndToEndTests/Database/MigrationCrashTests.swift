import FoundationEssentials
import SQLiteDriver
import Testing
import WindlassCore

/// `windlass migrate` and `windlass backup`, killed at each system call that could tear something.
@Suite(.serialized, .enabled(if: Program.installed("strace") != nil))
struct MigrationCrashTests {
  private let directory: TemporaryDirectory
  private let windlass: String
  private let strace: String

  /// The calls that change a file or a name.
  private static let calls = [
    "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink",
  ]

  private static let migrations = [
    "1_flags.up.sql": """
    CREATE TABLE flags (key TEXT PRIMARY KEY, name TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
    INSERT INTO flags SELECT 'flag-' || i, hex(zeroblob(100)) FROM n;
    """,
    "2_rebuild.up.sql": """
    CREATE TABLE flags_new (key TEXT PRIMARY KEY, name TEXT NOT NULL, enabled INTEGER DEFAULT 0);
    INSERT INTO flags_new (key, name) SELECT key, name FROM flags;
    DROP TABLE flags;
    ALTER TABLE flags_new RENAME TO flags;
    CREATE INDEX flags_by_name ON flags (name);
    """,
    "5_drop.up.sql": "-- windlass: contract\nDROP INDEX flags_by_name; DELETE FROM old;",
  ]

  init() throws {
    directory = try TemporaryDirectory()
    windlass = Program.path("windlass")
    strace = try #require(Program.installed("strace"))
    _ = try directory.directory("m")
    for (name, text) in Self.migrations { _ = try directory.write(text, to: "m/\(name)") }
  }

  @Test(arguments: [SQLiteOptions.JournalMode.wal, .delete])
  func `a migration killed at any system call leaves ledger and schema agreeing`(
    mode: SQLiteOptions.JournalMode
  ) throws {
    let expected = try references(mode)
    var kills = 0
    for call in Self.calls {
      for number in 1... {
        let path = directory.file("\(mode.rawValue)-\(call)-\(number).db")
        try prepare(path, mode)
        let end = try run(["--phase", "contract"], on: path, killedAt: (call, number))
        let place = "\(call) number \(number)"
        let state = try State(path)
        #expect(state.content == expected[state.version], "\(place)")
        #expect(state.history == Self.versions.filter { $0 <= state.version }, "\(place)")
        #expect(state.integrity == "ok", "\(place)")
        if end.wasKilled { kills += 1 }
        let again = try run(["--phase", "contract"], on: path, killedAt: nil)
        #expect(again.status == 0, "\(place): \(again.text)")
        #expect(try State(path).content == expected[5], "\(place)")
        remove(path)
        if end.status == 0 { break }
        try #require(number < 200, "the program never came to its end")
      }
    }
    // Every page that is written and every commit that is synchronised is a point to be killed at.
    #expect(kills > 20)
  }

  @Test func `a backup killed at any system call is complete or is none`() throws {
    let path = directory.file("service.db")
    try prepare(path, .wal)
    #expect(try run([], on: path, killedAt: nil).status == 0)
    var kills = 0
    for call in Self.calls {
      for number in 1... {
        let backups = directory.file("b-\(call)-\(number)")
        let arguments = [
          "backup", "--database", "sqlite://\(path)", "--directory", backups, "--json", "--id", "b",
        ]
        let end = try traced(arguments, killedAt: (call, number))
        if end.wasKilled { kills += 1 }
        let again = try Program.run("windlass", arguments)
        #expect(again.status == 0, "\(call) number \(number): \(again.text)")
        #expect(again.text.contains(#""verified":true"#))
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: backups).sorted()
            == [".lock", "b.db", "b.manifest"], "\(call) number \(number)")
        try FileManager.default.removeItem(atPath: backups)
        if end.status == 0 { break }
        try #require(number < 200, "the program never came to its end")
      }
    }
    #expect(kills > 15)
  }

  // MARK: Pieces

  private static let versions = [1, 2, 5]

  /// What a database holds.
  private struct State {
    /// -1 when nothing is applied.
    var version: Int
    var content: [String]
    var history: [Int]
    var integrity: String

    init(_ path: String) throws {
      let connection = try SQLiteConnection(SQLiteOptions(path: path))
      let tables = try connection.texts(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
      version =
        tables.contains("schema_migrations")
        ? try connection.numbers("SELECT version FROM schema_migrations").first ?? -1 : -1
      history =
        tables.contains("windlass_migration_log")
        ? try connection.numbers("SELECT version FROM windlass_migration_log ORDER BY 1") : []
      content = try connection.texts(
        """
        SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'windlass%'
          AND tbl_name != 'schema_migrations' ORDER BY name
        """)
      for table in ["flags", "old"] where tables.contains(table) {
        content += try connection.texts("SELECT '\(table): ' || count(*) FROM \(table)")
      }
      integrity = try connection.texts("PRAGMA integrity_check").joined()
    }
  }

  private func references(_ mode: SQLiteOptions.JournalMode) throws -> [Int: [String]] {
    var references: [Int: [String]] = [:]
    let path = directory.file("reference.db")
    try prepare(path, mode)
    references[-1] = try State(path).content
    for version in Self.versions {
      let end = try run(["--phase", "contract", "--to", "\(version)"], on: path, killedAt: nil)
      #expect(end.status == 0, "\(end.text)")
      references[version] = try State(path).content
    }
    #expect(Set(references.values).count == Self.versions.count + 1)
    remove(path)
    return references
  }

  private func prepare(_ path: String, _ mode: SQLiteOptions.JournalMode) throws {
    let connection = try SQLiteConnection(
      SQLiteOptions(path: path, access: .create, journalMode: mode))
    try connection.run(script: "CREATE TABLE old (a); INSERT INTO old VALUES (1), (2);")
  }

  private func remove(_ path: String) {
    for ending in ["", "-wal", "-shm", "-journal", ".windlass-lock"] {
      // Not every file is there.
      try? FileManager.default.removeItem(atPath: path + ending)
    }
  }

  private func run(
    _ arguments: [String], on path: String, killedAt point: (call: String, number: Int)?
  ) throws -> Ended {
    let arguments =
      ["migrate", "--database", "sqlite://\(path)", "--path", directory.file("m")] + arguments
    guard let point else { return try Program.run("windlass", arguments) }
    return try traced(arguments, killedAt: point)
  }

  private func traced(
    _ arguments: [String], killedAt point: (call: String, number: Int)
  ) throws -> Ended {
    try Program.run(
      strace,
      [
        "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(point.call)", "-e",
        "inject=\(point.call):signal=SIGKILL:when=\(point.number)", windlass,
      ] + arguments)
  }
}

extension SQLiteConnection {
  fileprivate func texts(_ query: String) throws -> [String] {
    try rows(query).map { row in
      if case .text(let text) = row.values[0] { text } else { "" }
    }
  }

  fileprivate func numbers(_ query: String) throws -> [Int] {
    try rows(query).map { row in
      if case .integer(let number) = row.values[0] { Int(number) } else { -9 }
    }
  }
}
