import Glibc
import Testing
import WindlassWire

/// The example service keeps what an instance must do, as real processes on a shared listener.
@Suite(.serialized)
struct BeaconTests {
  @Test func `swapping every instance under load loses nothing`() async throws {
    let stage = try await BeaconStage(schema: 4)
    var beacons: [Program] = []
    for _ in 0..<3 { beacons.append(try await stage.start("1.0.0")) }
    let load = try await stage.load(rate: 500, keepAlive: 4, newConnection: 2, slowUpload: 2)
    for _ in 0..<3 {
      beacons.append(try await stage.start("1.1.0"))
      let old = beacons.removeFirst()
      old.send(SIGTERM)
      #expect(await old.end().status == 0)
    }
    let report = try await BeaconStage.finish(load)
    #expect(report["lost"] == 0, "\(report["losses"]?.prettyText ?? "")")
    #expect(report["retried"] == 0)
    #expect(report["servers"]?["beacon/1.0.0"]?.integer ?? 0 > 0)
    #expect(report["servers"]?["beacon/1.1.0"]?.integer ?? 0 > 0)
    for beacon in beacons {
      beacon.send(SIGTERM)
      #expect(await beacon.end().status == 0)
    }
  }

  @Test(arguments: BeaconEngine.allCases)
  func `a migration under load costs no request of a release in its window`(
    engine: BeaconEngine
  ) async throws {
    let stage = try await BeaconStage(schema: 2, engine: engine)
    let old = try await stage.start("1.0.0")
    let load = try await stage.load(rate: 400, keepAlive: 4, newConnection: 2, slowUpload: 0)
    try stage.migrate(from: 3, to: 4)
    let new = try await stage.start("1.1.0")
    old.send(SIGTERM)
    #expect(await old.end().status == 0)
    try stage.migrate(from: 5, to: 5)
    try stage.migrate(from: 6, to: 6)
    let newest = try await stage.start("1.2.0")
    new.send(SIGTERM)
    #expect(await new.end().status == 0)
    let report = try await BeaconStage.finish(load)
    #expect(report["lost"] == 0, "\(report["losses"]?.prettyText ?? "")")
    newest.send(SIGTERM)
    #expect(await newest.end().status == 0)
  }

  @Test func `a release with a fault finishes what it accepted`() async throws {
    let stage = try await BeaconStage(schema: 4)
    let good = try await stage.start("1.1.0")
    let load = try await stage.load(rate: 300, keepAlive: 4, newConnection: 2, slowUpload: 2)
    let faulty = try await stage.start("1.1.1")
    #expect(await faulty.end().status == 70)
    let report = try await BeaconStage.finish(load)
    #expect(report["lost"] == 0, "\(report["losses"]?.prettyText ?? "")")
    good.send(SIGTERM)
    #expect(await good.end().status == 0)
  }

  @Test func `a release that aborts loses the requests in flight, and they are counted`()
    async throws
  {
    let stage = try await BeaconStage(schema: 4)
    let load: Program
    do {
      let faulty = try await stage.start("1.1.1+abort")
      load = try await stage.load(rate: 1, keepAlive: 0, newConnection: 0, slowUpload: 3)
      #expect(await faulty.end().status == 128 + SIGABRT)
      let words = faulty.text.split(separator: " ")
      let place = try #require(words.firstIndex(of: "aborting"))
      let inFlight = try #require(Int64(words[place + 2]))
      let good = try await stage.start("1.1.0")
      let report = try await BeaconStage.finish(load)
      let lost = try #require(report["lost"]?.integer)
      // Each of three clients may besides have connected so late that nothing was read of it.
      #expect((inFlight...3).contains(lost), "\(report.prettyText)")
      good.send(SIGTERM)
      #expect(await good.end().status == 0)
    }
  }

  @Test(arguments: BeaconEngine.allCases)
  func `a schema that is behind stops a start with a message`(
    engine: BeaconEngine
  ) async throws {
    let stage = try await BeaconStage(schema: 2, engine: engine)
    let beacon = try stage.launch("1.1.0")
    #expect(await beacon.end().status == 1)
    #expect(beacon.text.contains("is at 2, and release 1.1.0 needs at least 4"))
  }

  @Test(arguments: BeaconEngine.allCases)
  func `a query that the schema broke is answered with the query`(
    engine: BeaconEngine
  ) async throws {
    let stage = try await BeaconStage(schema: 5, engine: engine)
    let beacon = try await stage.start("1.0.0")
    let load = try await stage.load(
      rate: 100, keepAlive: 1, newConnection: 1, slowUpload: 0, seconds: 1)
    let report = try await BeaconStage.report(of: load)
    let loss = try #require(report["losses"]?.array?.first?.string)
    #expect(loss.contains("status 500"))
    #expect(loss.contains("f.rollout_percent"))
    #expect(loss.contains(engine.missingColumnWords))
    #expect(loss.contains("SELECT f.key"))
    beacon.send(SIGTERM)
    #expect(await beacon.end().status == 0)
  }

  @Test(arguments: BeaconEngine.allCases)
  func `two releases see each other's writes while both are allowed`(
    engine: BeaconEngine
  ) async throws {
    let stage = try await BeaconStage(schema: 2, engine: engine)
    let client = BeaconClient(port: stage.port)
    let old = try await stage.start("1.0.0")
    try client.put("before", percent: 10)
    try stage.migrate(from: 3, to: 3)
    // A row from before, changed between the expansion and the backfill.
    try client.put("before", percent: 11)
    try client.put("between", percent: 20)
    try stage.migrate(from: 4, to: 4)
    try client.put("after", percent: 30)
    let new = try await stage.start("1.1.0")
    old.send(SIGTERM)
    #expect(await old.end().status == 0)
    #expect(try client.percent(of: "before") == 11)
    #expect(try client.percent(of: "between") == 20)
    #expect(try client.percent(of: "after") == 30)
    try client.put("before", percent: 12)
    try client.put("new", percent: 40)
    let again = try await stage.start("1.0.0")
    new.send(SIGTERM)
    #expect(await new.end().status == 0)
    #expect(try client.percent(of: "before") == 12)
    #expect(try client.percent(of: "new") == 40)
    try client.put("new", percent: 41)
    #expect(try client.percent(of: "new") == 41)
    again.send(SIGTERM)
    #expect(await again.end().status == 0)
  }

  @Test(arguments: [BeaconEngine.postgres, .mysql])
  func `a connection that the server ended is made again without a lost request`(
    engine: BeaconEngine
  ) async throws {
    let stage = try await BeaconStage(schema: 4, engine: engine)
    let beacon = try await stage.start("1.1.0")
    let client = BeaconClient(port: stage.port)
    try client.put("flag", percent: 10)
    #expect(try client.percent(of: "flag") == 10)
    #expect(try stage.database.endOtherSessions() > 0)
    try client.put("flag", percent: 20)
    #expect(try client.percent(of: "flag") == 20)
    beacon.send(SIGTERM)
    #expect(await beacon.end().status == 0)
  }
}
