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
