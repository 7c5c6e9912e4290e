import Foundation
import Testing
import WindlassWire

@testable import windlass

/// `windlass migrate` on a server, killed or cut off at every request that it makes.
///
/// After each, the command is given again until it is done or says that a person has to look. Then
/// each effect of each file is there once, or the statement in doubt is named, with everything
/// before it there once and nothing behind it.
@Suite(.serialized)
struct MigrationCrashMatrixTests {
  /// Whether every point is tried, or a slice of them.
  private static let isWhole = ProcessInfo.processInfo.environment["WINDLASS_TORTURE"] == "all"

  @Test(arguments: TestServers.engines)
  func `a migration killed before, while or after any request is applied once, or names its place`(
    engine: ServerEngine
  ) async throws {
    let count = try await requests(engine).count
    var (kills, doubts) = (0, 0)
    for number in stride(from: 1, through: count, by: Self.isWhole ? 1 : count / 7 + 1) {
      // In a slice each request has one of the moments.
      let moments = WireProxy.Moment.allCases
      for moment in Self.isWhole ? moments : [moments[number % moments.count]] {
        let fault = WireProxy.Fault(request: number, moment: moment, action: .kill)
        let world = try await CrashWorld(engine)
        let (end, proxy) = try await world.migrate(fault)
        #expect(end.wasKilled == proxy.hasStruck, "\(fault): \(end.text)")
        proxy.close()
        if end.wasKilled { kills += 1 }
        if try await settle(world, fault) { doubts += 1 }
      }
    }
    #expect(kills > 5)
    #expect(!Self.isWhole || engine != .mysql || doubts > 0)
  }

  @Test(arguments: TestServers.engines)
  func `after a swallowed reply to COMMIT each effect is there once, or the place is named`(
    engine: ServerEngine
  ) async throws {
    let requests = try await requests(engine)
    let commits = requests.indices.filter { requests[$0].uppercased().hasSuffix("COMMIT") }
    #expect(commits.count > 3, "\(requests)")
    let step = Self.isWhole ? 1 : commits.count / 3 + 1
    for place in stride(from: 0, to: commits.count, by: step) {
      let fault = WireProxy.Fault(
        request: commits[place] + 1, moment: .beforeReply, action: .cut)
      let world = try await CrashWorld(engine)
      let (end, proxy) = try await world.migrate(fault)
      #expect(proxy.hasStruck, "\(fault)")
      // In doubt is only what comes behind the commit that says that it begins.
      #expect(end.status == 0 || world.doubtful != nil, "\(fault): \(end.text)")
      proxy.close()
      #expect(try await settle(world, fault) == (end.status == 6))
    }
  }

  @Test(.enabled(if: isWhole), arguments: TestServers.engines)
  func `a connection cut at any request is made anew, and nothing is lost or applied twice`(
    engine: ServerEngine
  ) async throws {
    let count = try await requests(engine).count
    for number in 1...count {
      for moment in WireProxy.Moment.allCases {
        let fault = WireProxy.Fault(request: number, moment: moment, action: .cut)
        let world = try await CrashWorld(engine)
        let (end, proxy) = try await world.migrate(fault)
        #expect([0, 1, 6].contains(end.status), "\(fault): \(end.text)")
        proxy.close()
        _ = try await settle(world, fault)
      }
    }
  }

  @Test(arguments: TestServers.engines)
  func `while the server has not noticed that a killed migration is gone, the next one waits`(
    engine: ServerEngine
  ) async throws {
    // In the middle of the second file, where locks are held and half of it is done. What an
    // attempt asks beside its statements may differ, so that another request may come in its
    // place.
    var hit: (world: CrashWorld, proxy: WireProxy, fault: WireProxy.Fault)?
    for _ in 0..<5 where hit == nil {
      let requests = try await requests(engine)
      let place = try #require(requests.firstIndex { $0.contains("note ") })
      let fault = WireProxy.Fault(request: place + 1, moment: .beforeReply, action: .killSilently)
      let world = try await CrashWorld(engine)
      let (end, proxy) = try await world.migrate(fault)
      guard proxy.requests.dropFirst(place).first?.contains("note ") == true else {
        proxy.close()
        continue
      }
      #expect(end.wasKilled)
      hit = (world, proxy, fault)
    }
    let (world, proxy, fault) = try #require(hit)
    defer { proxy.close() }
    let waiting = try world.migrate("--lock-deadline", "300ms")
    #expect(waiting.status == 7, "\(waiting.text)")
    proxy.thaw()
    #expect(try await !settle(world, fault))
  }

  // MARK: Pieces

  /// What one undisturbed attempt asks the server for.
  private func requests(_ engine: ServerEngine) async throws -> [String] {
    let world = try await CrashWorld(engine)
    let (end, proxy) = try await world.migrate(nil)
    defer { proxy.close() }
    #expect(end.status == 0, "\(end.text)")
    #expect(try await world.state() == world.complete)
    return proxy.requests
  }

  /// Repeats the command until it is done or a person has to look, checks what is there, and does
  /// what the person would.
  ///
  /// - Returns: whether a person had to look.
  private func settle(_ world: CrashWorld, _ fault: WireProxy.Fault) async throws -> Bool {
    var end = try world.migrate()
    // Whoever is told that a session of the killed attempt lives tries again.
    for _ in 0..<3 where ![0, 6].contains(end.status) { end = try world.migrate() }
    guard end.status != 0 else {
      #expect(try world.schema().status == 0, "\(fault)")
      #expect(try await world.state() == world.complete, "\(fault)")
      return false
    }
    try #require(end.status == 6, "\(fault): \(end.text)")
    try await decide(world, fault, end)
    return true
  }

  /// What a person does about the statement in doubt, after checking that it is that one.
  private func decide(
    _ world: CrashWorld, _ fault: WireProxy.Fault, _ end: Ended
  ) async throws {
    let doubtful = try #require(world.doubtful, "\(fault): \(end.text)")
    let place = "statement \(doubtful) of 9 in 2_many.up.sql (line \(doubtful))"
    #expect(end.text.contains(place), "\(fault): \(end.text)")
    let schema = try world.schema()
    #expect(schema.status == 6)
    #expect(schema.text.contains(place), "\(fault): \(schema.text)")
    #expect(schema.text.contains("windlass schema --accept-drift"), "\(fault): \(schema.text)")
    let reply = try JSONValue.parse(Array(try world.schema("--json").output.utf8))
    #expect(reply["interrupted"]?["statement"] == .integer(Int64(doubtful)))
    #expect(reply["interrupted"]?["certain"] == .bool(false))
    #expect(try await world.rows("SELECT version, dirty FROM schema_migrations") == ["2,1"])
    #expect(
      try await world.rows("SELECT text FROM notes ORDER BY id") == ["note 1", "note 2"],
      "\(fault)")
    #expect(try await world.rows("SELECT COUNT(*) FROM old") == ["0"], "\(fault)")
    let items = try await world.rows("SELECT n, extra FROM items ORDER BY id")
    #expect([["1,15", "1,15"], ["101,15", "101,15"]].contains(items), "\(fault)")
    let isMissing = items.first == "1,15"
    for statement in [
      isMissing ? "UPDATE items SET n = n + 100" : "SELECT 1",
      "INSERT INTO notes (text) VALUES ('behind')", "DROP TABLE old",
      "UPDATE schema_migrations SET dirty = 0",
    ] { try await world.run(statement) }
    #expect(try world.schema("--accept-drift").status == 0)
    let again = try world.migrate()
    #expect(again.status == 0, "\(fault): \(again.text)")
    // What a person applied is not in Windlass's history.
    let expected = world.complete.enumerated().filter { $0.offset != 2 }.map(\.element)
    #expect(try await world.state() == expected, "\(fault)")
  }
}
