import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// A journal whose daemon dies, whose server fails, and beside which another daemon writes.
struct JournalFaultTests {
  private let life = Chronicle.life

  @Test(arguments: 0..<30, [false, true])
  func `a daemon that dies at any write has told no state that is not there`(
    writes: Int, losesReply: Bool
  ) async throws {
    let world = try await RunWorld()
    let line = MortalTransport(
      ClusterTransport(world.host), writes: writes, losesReply: losesReply)
    let mortal = try world.journal(wrap: line)
    var told = -1
    for index in life.indices {
      let before = index == 0 ? nil : life[index - 1]
      guard try await trouble({ try await mortal.append(life[index], after: before) }) == nil
      else { break }
      told = index
    }
    // The last one may be there although nobody was told.
    let next = try world.journal()
    let found = try await next.state()
    let candidates = [told, told + 1].filter { $0 < life.count }
      .map { $0 < 0 ? nil : life[$0] }
    let isThere = candidates.contains { $0 == found }
    #expect(isThere)
    // Whoever comes next goes on from there to the end.
    let place = found.flatMap { life.firstIndex(of: $0) } ?? -1
    try await next.append(life[(place + 1)...], after: found)
    #expect(try await world.journal().state() == life.last)
    let outcomes = try await world.runs().map { $0.body.value(at: "/status/outcome")?.string }
    #expect(outcomes == ["Completed", "RolledBack", "Refused"])
  }

  @Test func `the life of a service takes fewer writes than the deaths that were tried`()
    async throws
  {
    let world = try await RunWorld()
    let line = MortalTransport(ClusterTransport(world.host), writes: 29, losesReply: false)
    try await world.journal(wrap: line).append(life[...], after: nil)
    #expect(!line.isDead)
  }

  @Test(arguments: [
    ClusterFault(.loseReply, verbs: ["patch", "create"], when: .chance(percent: 30)),
    ClusterFault(.loseRequest, verbs: ["patch", "create"], when: .chance(percent: 30)),
    ClusterFault(
      .refuse(status: 409, retryAfterSeconds: nil), verbs: ["patch"],
      when: .chance(percent: 30)),
    ClusterFault(
      .refuse(status: 503, retryAfterSeconds: nil), verbs: ["patch", "create", "get"],
      when: .chance(percent: 30)),
    ClusterFault(.loseReply, verbs: ["get", "list"], when: .chance(percent: 30)),
  ])
  func `what fails now and then is read back, and nothing is written twice`(
    fault: ClusterFault
  ) async throws {
    let world = try await RunWorld()
    await world.plan(fault)
    let journal = try world.journal()
    try await journal.append(life[...], after: nil)
    #expect(await world.strikes() > 0)
    await world.plan()
    let records = try await world.journal().records(service: "beacon", after: 0, limit: 100)
    #expect(records.map(\.sequence) == records.map(\.sequence).sorted())
    #expect(Set(records.map(\.sequence)).count == records.count)
    #expect(try await world.journal().state() == life.last)
    #expect(try await world.runs().count == 3)
  }

  @Test(arguments: ["forbid", "invalid"])
  func `what the server refuses for good stops the journal, and says so`(way: String) async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(life[0...1], after: nil)
    if way == "forbid" {
      await world.plan(ClusterFault(.forbid, verbs: ["patch"]))
    } else {
      await world.plan(
        ClusterFault(.refuse(status: 400, retryAfterSeconds: nil), verbs: ["patch"]))
    }
    let failure = try await trouble { try await journal.append(life[2], after: life[1]) }
    #expect(failure?.code == "JournalFailed")
    #expect(failure?.disposition == .stop)
    await world.plan()
    let again = try await trouble { try await journal.append(life[2], after: life[1]) }
    #expect(again?.code == "JournalPoisoned")
    #expect(try await world.journal().state() == life[1])
  }

  @Test func `a daemon that was deposed writes over nothing`() async throws {
    let world = try await RunWorld()
    for index in life.indices.dropLast() {
      let before = index == 0 ? nil : life[index - 1]
      let old = try world.journal()
      _ = try await old.state()
      let new = try world.journal()
      try await new.append(life[index], after: before)
      let late = Chronicle.next(life[index], phase: .soak)
      let failure = try await trouble { try await old.append(late, after: before) }
      #expect(["JournalTaken", "RunNameTaken"].contains(failure?.code), "\(index)")
      #expect(try await world.journal().state() == life[index], "\(index)")
    }
  }

  @Test func `of two daemons that write the same, one has written it`() async throws {
    for index in life.indices {
      let world = try await RunWorld()
      try await world.journal().append(life[..<index], after: nil)
      let before = index == 0 ? nil : life[index - 1]
      let journals = [try world.journal(), try world.journal()]
      for journal in journals { _ = try await journal.state() }
      try await journals[0].append(life[index], after: before)
      let failure = try await trouble { try await journals[1].append(life[index], after: before) }
      #expect(["JournalTaken", "RunNameTaken"].contains(failure?.code), "\(index)")
    }
  }

  @Test(arguments: UInt64(1)...12)
  func `of daemons that write at the same time each state follows the one before`(
    seed: UInt64
  ) async throws {
    let world = try await RunWorld()
    await world.plan(
      ClusterFault(.loseReply, verbs: ["patch", "create"], when: .chance(percent: 15)),
      ClusterFault(.loseRequest, verbs: ["patch", "create"], when: .chance(percent: 15)))
    var dice = SeededGenerator(seed: seed)
    var told: [UInt64: ServiceRecord] = [:]
    var writers: [(journal: ClusterJournal, state: ServiceRecord?)] = []
    for _ in 0..<2 { writers.append((try world.journal(), nil)) }
    for index in writers.indices {
      writers[index].state = try await writers[index].journal.state()
    }
    for _ in 0..<40 {
      let index = Int(dice.next() % 2)
      let old = writers[index].state
      let new = Self.successor(old, dice.next())
      do throws(StepFailure) {
        let number = try await writers[index].journal.append(new, after: old)
        if told[number] != nil { Issue.record("seed \(seed): \(number) was told twice") }
        told[number] = new
        writers[index].state = new
      } catch {
        #expect(error.disposition == .stop)
        writers[index].journal = try world.journal()
        writers[index].state = try await writers[index].journal.state()
      }
    }
    await world.plan()
    let final = try await world.journal().state()
    let counts = told.sorted { $0.key < $1.key }.map(\.value.effectCount)
    #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed): \(counts)")
    #expect((counts.last ?? 0) <= (final?.effectCount ?? 0), "seed \(seed)")
    #expect(counts.count > 10, "seed \(seed): hardly anything was written")
  }

  private static func successor(_ state: ServiceRecord?, _ chance: UInt64) -> ServiceRecord {
    guard let state else { return Chronicle.next(Chronicle.start()) }
    switch (state.run == nil, chance >> 8 & 3) {
    case (true, 0...1): return Chronicle.opening(state)
    case (true, _): return Chronicle.next(state)
    case (false, 0): return Chronicle.ending(state)
    case (false, 1): return Chronicle.opening(Chronicle.ending(state, as: .refused))
    case (false, _): return Chronicle.next(state, phase: .expand)
    }
  }
}
