import FoundationEssentials
import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

/// The example service's migrations for CockroachDB, on the stand-in.
@Suite(.serialized) struct CockroachBeaconTests {
  private static func files(_ folder: String) throws -> [String: String] {
    let root = String(#filePath).components(before: "/Tests/")
    let path = "\(root)/Migrations/\(folder)/cockroachdb"
    var files: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      let bytes = FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data()
      files[name] = String(decoding: bytes, as: UTF8.self)
    }
    return files
  }

  @Test func `Beacon's migrations run on CockroachDB, and its triggers carry shares both ways`()
    async throws
  {
    let world = try CockroachWorld(Self.files("beacon"))
    try await world.migrate(to: 4)
    let connection = try world.below.connection()
    try connection.run(
      script: "UPDATE flags SET rollout_percent = 40 WHERE key = 'welcome-banner'")
    #expect(
      try connection.scalar("SELECT percent FROM rollouts WHERE flag_key = 'welcome-banner'")
        == .integer(40))
    try connection.run(script: "UPDATE rollouts SET percent = 60 WHERE flag_key = 'night-mode'")
    #expect(
      try connection.scalar("SELECT rollout_percent FROM flags WHERE key = 'night-mode'")
        == .integer(60))
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(6), .integer(0)]])
    #expect(try world.columns(of: "flags") == ["key", "name", "enabled", "revision"])
    #expect(try await world.below.migrator(world.options()).schema().drift == nil)
  }

  @Test func `the reckless release's migrations run on CockroachDB as well`() async throws {
    let world = try CockroachWorld(Self.files("beacon-reckless"))
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(4), .integer(0)]])
  }
}

extension String {
  /// What stands before `mark`.
  fileprivate func components(before mark: String) -> String {
    var end = startIndex
    while end < endIndex, !self[end...].hasPrefix(mark) { formIndex(after: &end) }
    return String(self[..<end])
  }
}
