import CSQLite
import ProcessFleet
import SQLiteDriver
import Testing
import WindlassCore
import WindlassWire

extension RealRehearsals {
  /// `windlass rehearse` as a person runs it, against a real database and real servers.
  @Suite struct RehearseCommandTests {
    /// Runs the command on the feed's migrations; what it leaves in its temporary directory
    /// is in `leftovers`.
    private static func rehearse(
      _ feed: String, on hop: StagedHop, _ arguments: [String]
    ) throws -> (ending: Ended, leftovers: [String]) {
      let archive = try #require(hop.plan.target.migrationArchive)
      let temporary = try hop.directory.directory("temporary")
      let ending = try Program.run(
        "windlass",
        [
          "rehearse", "--database", "sqlite://\(hop.options.path)",
          "--path", hop.artifacts.directory(of: archive),
        ] + arguments, environment: ["TMPDIR": temporary])
      return (ending, hop.directory.names(in: "temporary"))
    }

    /// The options that name both servers and their probes.
    private static func servers(_ hop: StagedHop) throws -> [String] {
      let beacon = Program.path("beacon")
      let probes = #"""
        [{"name": "evaluate", "method": "POST", "path": "/api/v1/evaluate",
          "body": {"requestID": "{unique}", "flagKey": "welcome-banner", "entityID": "user-1"},
          "expect": {"values": {"/requestID": "{unique}"}}},
         {"name": "change", "method": "POST", "path": "/api/v1/flags",
          "body": {"key": "probe-{unique}", "name": "x", "isEnabled": true, "rolloutPercent": 25},
          "capture": {"flag": "/key"}},
         {"name": "read", "path": "/api/v1/flags/{flag}",
          "expect": {"status": 200, "values": {"/rolloutPercent": 25}}}]
        """#
      let file = try hop.directory.write(probes, to: "probes.json")
      return [
        "--old-command", "\(beacon) serve --release 1.0.0", "--old-version", "1.0.0",
        "--new-command", "\(beacon) serve --release 1.1.0", "--new-version", "1.1.0",
        "--database-variable", "BEACON_DB", "--probes", file,
      ]
    }

    @Test func `the honest migrations are safe, and the database is only read`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      let before = try hop.directory.contents(of: "beacon.db")
      let (ending, leftovers) = try Self.rehearse(
        "beacon", on: hop,
        Self.servers(hop) + ["--json", "--report", hop.directory.file("kept")])
      #expect(ending.status == 0, "\(ending.errors)\(ending.output)")
      let report = try JSONValue.parse(Array(ending.output.utf8))
      #expect(report.value(at: "/verdict/judgement") == "safe")
      #expect(report.value(at: "/verdict/coversRollback") == true)
      #expect(leftovers == [])
      #expect(try hop.directory.contents(of: "beacon.db") == before)
      #expect(hop.directory.names(in: "kept").count == 2)
    }

    @Test func `the reckless migrations are unsafe, with the query on the first line of evidence`()
      async throws
    {
      let hop = try await StagedHop(feed: "beacon-reckless")
      let (ending, leftovers) = try Self.rehearse("beacon-reckless", on: hop, Self.servers(hop))
      #expect(ending.status == 3)
      let lines = ending.output.split(separator: "\n")
      #expect(lines.first?.hasPrefix("unsafe after ") == true)
      #expect(
        lines[1].hasPrefix(
          "  1.0.0 no longer works on the schema that 1.1.0 expands to: probe \"evaluate\" POST "
            + "/api/v1/evaluate expected 200, got 500: no such column: "))
      #expect(lines[1].contains(" in: SELECT "))
      #expect(leftovers == [])
    }

    @Test func `without servers a good schema is unknown and a broken one unsafe`() async throws {
      for (feed, status) in [("beacon", Int32(4)), ("beacon-reckless", 3)] {
        let hop = try await StagedHop(feed: feed)
        let (ending, leftovers) = try Self.rehearse(feed, on: hop, [])
        #expect(ending.status == status, "\(ending.errors)")
        #expect(leftovers == [])
      }
    }

    /// A file of what Beacon 1.0.0 asks.
    private static func queries(_ hop: StagedHop, engine: String = "sqlite") throws -> String {
      try hop.directory.write(
        """
        {"apiVersion": "windlass.dev/v1", "kind": "RecordedQueries", "engine": "\(engine)",
         "queries": [
          {"name": "flag", "calls": 90,
           "sql": "SELECT f.key, f.rollout_percent FROM flags AS f WHERE f.key = ?1"},
          {"name": "variants", "sql": "SELECT v.key, v.weight FROM variants AS v"}]}
        """, to: "queries.json")
    }

    @Test func `recorded queries are prepared before and after, and one that breaks is named`()
      async throws
    {
      for (feed, status) in [("beacon", Int32(4)), ("beacon-reckless", 3)] {
        let hop = try await StagedHop(feed: feed)
        let before = try hop.directory.contents(of: "beacon.db")
        let (ending, leftovers) = try Self.rehearse(
          feed, on: hop, ["--queries", Self.queries(hop), "--json"])
        #expect(ending.status == status, "\(ending.errors)")
        let report = try JSONValue.parse(Array(ending.output.utf8))
        #expect(report.value(at: "/queries/checked") == 2)
        let evidence = report.value(at: "/verdict/evidence/0")?.string ?? ""
        if feed == "beacon" {
          #expect(evidence.contains("no server of 0.0.0-old was run"), "\(evidence)")
        } else {
          #expect(
            evidence.hasPrefix("query \"flag\" of 0.0.0-old can't be prepared on the schema that"),
            "\(evidence)")
          #expect(
            evidence.contains("no such column: f.rollout_percent in: SELECT f.key"), "\(evidence)")
          #expect(report.value(at: "/queries/findings/0/name") == "flag")
        }
        #expect(leftovers == [])
        #expect(try hop.directory.contents(of: "beacon.db") == before)
      }
    }

    @Test func `recorded queries stand beside the probes of servers, written as SQL`() async throws
    {
      let hop = try await StagedHop(feed: "beacon")
      let queries = try hop.directory.write(
        """
        -- windlass: queries engine=sqlite
        -- windlass: query name=flag calls=90
        SELECT f.key, f.name FROM flags AS f WHERE f.key = ?1;
        -- windlass: query
        SELECT v.key, v.weight FROM variants AS v;
        """, to: "queries.sql")
      let (ending, _) = try Self.rehearse(
        "beacon", on: hop, Self.servers(hop) + ["--queries", queries])
      #expect(ending.status == 0, "\(ending.errors)\(ending.output)")
      #expect(
        ending.output.contains(
          "the recorded queries of 1.0.0 on the schema that 1.1.0 expands to: all 2 can be "
            + "prepared"))
    }

    @Test func `a file of queries that can't be used is wrong usage`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      let other = try Self.rehearse(
        "beacon", on: hop, ["--queries", Self.queries(hop, engine: "mysql")])
      #expect(other.ending.status == 2)
      #expect(other.ending.errors.contains("are for mysql, and the database is sqlite"))
      let missing = try Self.rehearse("beacon", on: hop, ["--queries", "/nowhere.json"])
      #expect(missing.ending.status == 2)
      #expect(missing.ending.errors.contains("/nowhere.json"))
      #expect(missing.leftovers == [] && other.leftovers == [])
    }

    @Test func `SQLite has no server to ask, and it is said what to do`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      let ending = try Program.run(
        "windlass", ["queries", "capture", "--database", "sqlite://\(hop.options.path)", "--json"])
      #expect(ending.status == 1)
      let failure = try JSONValue.parse(Array(ending.output.utf8))
      #expect(failure.value(at: "/error/code") == "QueriesNotCounted")
      #expect(ending.errors.contains("no server that could be asked. Write the file by hand"))
    }

    @Test func `a dirty ledger is refused`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      var connection: OpaquePointer?
      defer { sqlite3_close(connection) }
      try #require(sqlite3_open(hop.options.path, &connection) == SQLITE_OK)
      try #require(
        sqlite3_exec(connection, "UPDATE schema_migrations SET dirty = 1", nil, nil, nil)
          == SQLITE_OK)
      let (ending, leftovers) = try Self.rehearse("beacon", on: hop, [])
      #expect(ending.status == 6)
      #expect(ending.errors.contains("windlass schema"))
      #expect(leftovers == [])
    }

    @Test(arguments: [
      (["--new-command", "/bin/true"], "--old-command"),
      (["--old-command", "/bin/true"], "--probes"),
      (
        [
          "--old-command", "beacon", "--database-variable", "DB", "--probes", "/dev/null",
        ], "probes in /dev/null"
      ),
      (["--hold-budget", "soon"], "no duration"),
      (["--isolation", "some"], "isolation"),
      (["--old-version", "one"], "no version"),
    ])
    func `wrong usage is named and changes nothing`(
      _ arguments: [String], _ named: String
    ) async throws {
      let hop = try await StagedHop(feed: "beacon")
      let (ending, leftovers) = try Self.rehearse("beacon", on: hop, arguments)
      #expect(ending.status == 2, "\(ending.errors)")
      #expect(ending.errors.contains(named), "\(ending.errors)")
      #expect(leftovers == [])
    }
  }
}
