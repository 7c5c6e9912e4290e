import Foundation
import PostgresDriver
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

/// `windlass rehearse` on databases that have a server: the copy is a scratch database there.
@Suite(.serialized)
struct ServerRehearsalTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let probes = #"""
    [{"name": "evaluate", "method": "POST", "path": "/api/v1/evaluate",
      "body": {"requestID": "{unique}", "flagKey": "welcome-banner", "entityID": "user-1"},
      "expect": {"values": {"/requestID": "{unique}"}}},
     {"name": "change", "method": "POST", "path": "/api/v1/flags",
      "body": {"key": "probe-{unique}", "name": "x", "isEnabled": true, "rolloutPercent": 25},
      "capture": {"flag": "/key"}},
     {"name": "read", "path": "/api/v1/flags/{flag}",
      "expect": {"status": 200, "values": {"/rolloutPercent": 25}}}]
    """#

  /// The first release's schema in a new database, and the migrations to 1.1.0 in `m`.
  private func stage(_ engine: ServerEngine, _ feed: String) async throws -> String {
    let url = try await TestServers.shared.freshDatabase(engine)
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    _ = try directory.directory("m")
    for (folder, versions) in [("beacon", 1...2), (feed, 3...5)] {
      let source = "\(root)/Migrations/\(folder)/\(engine.rawValue)"
      for name in try FileManager.default.contentsOfDirectory(atPath: source)
      where versions.contains(Int(name.prefix(1)) ?? 0) {
        _ = try directory.write(
          String(contentsOfFile: "\(source)/\(name)", encoding: .utf8), to: "m/\(name)")
      }
    }
    let installed = try Program.run(
      "windlass", ["migrate", "--database", "env:DB", "--path", directory.file("m"), "--to", "2"],
      environment: ["DB": url])
    try #require(installed.status == 0, "\(installed.text)")
    return url
  }

  private func rehearse(_ url: String, _ arguments: [String]) throws -> Ended {
    try Program.run(
      "windlass",
      ["rehearse", "--database", "env:DB", "--path", directory.file("m")] + arguments,
      environment: ["DB": url, "TMPDIR": try directory.directory("temporary")])
  }

  /// The options that name both servers and their probes.
  private func servers() throws -> [String] {
    let beacon = Program.path("beacon")
    return [
      "--old-command", "\(beacon) serve --release 1.0.0", "--old-version", "1.0.0",
      "--new-command", "\(beacon) serve --release 1.1.0", "--new-version", "1.1.0",
      "--database-variable", "BEACON_DB", "--probes",
      try directory.write(Self.probes, to: "probes.json"),
    ]
  }

  /// Fails when a scratch database or a file is left.
  private func expectNothingLeft(_ engine: ServerEngine, _ url: String) throws {
    #expect(directory.names(in: "temporary") == [])
    let schema = try Program.run(
      "windlass", ["schema", "--database", "env:DB", "--json"], environment: ["DB": url])
    let report = try JSONValue.parse(Array(schema.output.utf8))
    #expect(schema.status == 0 && report["version"] == 2, "\(schema.text)")
    guard engine == .postgres else { return }
    let connection = try PostgresConnection(PostgresOptions(url: PostgresURL(url)))
    #expect(
      try connection.scalar(
        "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'windlass_scratch_')")
        == .integer(0))
  }

  @Test(arguments: ServerEngine.allCases)
  func `honest migrations are safe on a copy, and the database is only read`(
    engine: ServerEngine
  ) async throws {
    let url = try await stage(engine, "beacon")
    let ended = try rehearse(url, servers() + ["--json"])
    #expect(ended.status == 0, "\(ended.text)")
    let report = try JSONValue.parse(Array(ended.output.utf8))
    #expect(report.value(at: "/verdict/judgement") == "safe")
    #expect(report.value(at: "/verdict/coversRollback") == true)
    try expectNothingLeft(engine, url)
  }

  @Test(arguments: ServerEngine.allCases)
  func `reckless migrations are unsafe, with the query on the first line of evidence`(
    engine: ServerEngine
  ) async throws {
    let url = try await stage(engine, "beacon-reckless")
    let ended = try rehearse(url, servers())
    #expect(ended.status == 3, "\(ended.text)")
    let lines = ended.output.split(separator: "\n")
    #expect(lines.count > 1 && lines[1].contains("1.0.0 no longer works"), "\(ended.text)")
    #expect(ended.output.contains("SELECT f.key"), "\(ended.text)")
    try expectNothingLeft(engine, url)
  }

  @Test(arguments: ServerEngine.allCases)
  func `without servers a good schema is unknown`(engine: ServerEngine) async throws {
    let url = try await stage(engine, "beacon")
    let ended = try rehearse(url, [])
    #expect(ended.status == 4, "\(ended.text)")
    try expectNothingLeft(engine, url)
  }

  /// A file of what Beacon 1.0.0 asks, as the engine writes parameters.
  private func queries(_ engine: ServerEngine) throws -> String {
    let place = engine == .postgres ? "$1" : "?"
    return try directory.write(
      """
      {"apiVersion": "windlass.dev/v1", "kind": "RecordedQueries", "engine": "\(engine.rawValue)",
       "queries": [
        {"name": "flag", "calls": 90,
         "sql": "SELECT f.key, f.rollout_percent FROM flags AS f WHERE f.key = \(place)"},
        {"name": "variants", "sql": "SELECT v.key, v.weight FROM variants AS v"}]}
      """, to: "queries.json")
  }

  @Test(arguments: ServerEngine.allCases)
  func `a recorded query that the migrations break is named with the server's error`(
    engine: ServerEngine
  ) async throws {
    let url = try await stage(engine, "beacon-reckless")
    let ended = try rehearse(url, ["--queries", queries(engine), "--json"])
    #expect(ended.status == 3, "\(ended.text)")
    let report = try JSONValue.parse(Array(ended.output.utf8))
    let evidence = report.value(at: "/verdict/evidence/0")?.string ?? ""
    #expect(evidence.hasPrefix("query \"flag\" of 0.0.0-old can't be prepared"), "\(evidence)")
    #expect(evidence.contains("rollout_percent"), "\(evidence)")
    #expect(report.value(at: "/queries/findings/0/finding") == "broken")
    #expect(report.value(at: "/queries/checked") == 2)
    try expectNothingLeft(engine, url)
  }

  @Test(arguments: ServerEngine.allCases)
  func `honest migrations break no recorded query`(engine: ServerEngine) async throws {
    let url = try await stage(engine, "beacon")
    let ended = try rehearse(url, ["--queries", queries(engine), "--json"])
    #expect(ended.status == 4, "\(ended.text)")
    let report = try JSONValue.parse(Array(ended.output.utf8))
    #expect(report.value(at: "/queries/callsCheckedPercent") == 100)
    #expect(report.value(at: "/queries/findings") == [])
    try expectNothingLeft(engine, url)
  }

  @Test(arguments: ServerEngine.allCases)
  func `a server that does not count is told as such by the command`(
    engine: ServerEngine
  ) async throws {
    let url = try await TestServers.shared.freshDatabase(engine)
    let ended = try Program.run(
      "windlass", ["queries", "capture", "--database", "env:DB", "--json"],
      environment: ["DB": url])
    // MySQL counts by itself, and was asked nothing in this database yet.
    #expect(ended.status == 1, "\(ended.text)")
    let code = try JSONValue.parse(Array(ended.output.utf8)).value(at: "/error/code")
    #expect(code == "QueriesNotCounted" || code == "NoQueries", "\(ended.text)")
  }
}
