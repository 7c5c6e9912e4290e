import Logging
import Synchronization
import Testing
import WindlassCore
import WindlassEngine
import WindlassSimulation

/// The loop over ports in memory: what is durable before what, and what a crash leaves behind.
@Suite struct ServiceOperatorTests {
  private static let archive = ArchiveReference(url: "file:///m.tar.gz", digest: "00", size: 1)

  private static func release(
    _ version: Version, min: UInt64, max: UInt64, _ migrations: [Migration]
  )
    -> Release
  {
    Release(
      version: version,
      window: SchemaWindow(min: SchemaVersion(min), max: SchemaVersion(max))
        ?? SchemaWindow(min: 0, max: 0)!,
      migrations: migrations, migrationArchive: archive)
  }

  private static let first = release(
    Version(1, 0, 0), min: 1, max: 2, [Migration(version: 1, phase: .expand)])
  private static let second = release(
    Version(1, 1, 0), min: 2, max: 3,
    [Migration(version: 2, phase: .expand), Migration(version: 3, phase: .contract)])

  private static func offer(_ releases: [Release]) -> Offer {
    Offer(
      manifest: "aa", serial: Int64(releases.count), releases: releases,
      expires: Timestamp(milliseconds: .max))
  }

  private static let policy = ServicePolicy(
    service: "beacon",
    rollout: RolloutPolicy(
      replicas: 2, observe: .milliseconds(10), stability: .milliseconds(10),
      soak: .milliseconds(10)))

  /// A world in which everything that the releases need can be fetched.
  private static func outside() async -> RecordedOutside {
    let outside = RecordedOutside()
    await outside.service.publish(archive.url, archive.digest)
    return outside
  }

  private static func make(
    _ outside: RecordedOutside, _ journal: SimulatedJournal,
    failpoint: @escaping Failpoint = { _, _ in .pass }, rules: Rules = .whole
  ) -> ServiceOperator {
    let ports = ServicePorts(
      database: outside, backups: outside, rehearsal: outside, fleet: .instances(outside),
      artifacts: outside, backupsKept: 3)
    return ServiceOperator(
      policy: policy, ports: ports, journal: journal, clock: outside.clock,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      failpoint: failpoint, rules: rules)
  }

  /// Runs the loop until the condition holds, within a bound on its turns.
  private static func run(
    _ service: ServiceOperator, until isDone: @escaping @Sendable (ServiceRecord) -> Bool
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await service.run() }
      group.addTask {
        for _ in 0..<200_000 {
          if Task.isCancelled || isDone(service.snapshot.record) { break }
          await Task.yield()
        }
        service.stop()
      }
      try await group.waitForAll()
    }
  }

  private static func upgraded(_ outside: RecordedOutside, _ journal: SimulatedJournal) async throws
    -> ServiceOperator
  {
    let service = make(outside, journal)
    service.offer(offer([first]))
    try await run(service) { $0.deployed == first && $0.run == nil }
    let next = make(outside, journal)
    next.offer(offer([first, second]))
    try await run(next) { $0.deployed == second && $0.run == nil }
    return next
  }

  @Test func `a service is installed, then upgraded with its contract last`() async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal())
    let service = try await Self.upgraded(outside, journal)
    #expect(service.snapshot.record.deployed == Self.second)
    let migrations = outside.calls.filter { $0.hasPrefix("apply") || $0 == "commit" }
    #expect(migrations == ["apply 1", "commit", "apply 2", "commit", "apply 3"])
    let lastStop = try #require(outside.calls.lastIndex(of: "stop"))
    let contract = try #require(outside.calls.firstIndex(of: "apply 3"))
    #expect(lastStop < contract)
  }

  @Test func `no effect happens after the journal refused an intent`() async throws {
    for limit in 0..<12 {
      let (outside, journal) = await (Self.outside(), SimulatedJournal(recordsMax: limit))
      let service = Self.make(outside, journal)
      service.offer(Self.offer([Self.first]))
      await #expect(throws: StepFailure.self) {
        try await Self.run(service) { $0.deployed == Self.first }
      }
      // Every call that changes something stands behind a record that names it as in flight.
      let intents = journal.records.filter { $0.effect != nil }.count
      #expect(outside.calls.count <= intents + 1)
      #expect(intents == 0 ? outside.calls.isEmpty : true)
    }
  }

  @Test(arguments: ["back-up", "expand", "start", "stop", "commit", "contract"])
  func `a lost reply is read back and never repeated`(name: String) async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal())
    let plain = await Self.outside()
    _ = try await Self.upgraded(plain, SimulatedJournal())

    let service = Self.make(outside, journal)
    service.offer(Self.offer([Self.first]))
    try await Self.run(service) { $0.deployed == Self.first && $0.run == nil }
    let losing = Self.make(outside, journal) { effect, moment in
      effect == name && moment == .after ? .loseReply : .pass
    }
    losing.offer(Self.offer([Self.first, Self.second]))
    try await Self.run(losing) { $0.deployed == Self.second && $0.run == nil }

    let lasting = ["apply 2", "apply 3", "start 1.1.0", "stop", "back-up", "commit"]
    for call in lasting {
      #expect(
        outside.calls.count { $0 == call } == plain.calls.count { $0 == call }, "\(call) of \(name)"
      )
    }
  }

  @Test func `a loop that is to stop at rest ends with the run that is open`() async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal())
    let held = Held()
    let service = Self.make(outside, journal) { effect, moment in
      guard effect == "expand", moment == .before else { return .pass }
      held.service.withLock { service in
        #expect(service?.snapshot.record.run != nil)
        service?.stopAtRest()
      }
      return .pass
    }
    held.service.withLock { $0 = service }
    service.offer(Self.offer([Self.first]))
    try await service.run()
    #expect(service.snapshot.record.deployed == Self.first)
    #expect(service.snapshot.record.run == nil)
    // Nothing is open any more: the next one ends before it begins anything.
    let calls = outside.calls
    let next = Self.make(outside, journal)
    next.stopAtRest()
    next.offer(Self.offer([Self.first, Self.second]))
    try await next.run()
    #expect(outside.calls == calls)
  }

  @Test func `a decision is noted before the state that has it, and once`() async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal())
    let service = Self.make(outside, journal)
    service.decide(Decision(choice: .pause, by: "ann"), note: "first")
    service.decide(Decision(choice: .quarantine(Version(1, 1, 0)), by: "ann"))
    service.decide(Decision(choice: .quarantine(Version(1, 2, 0)), by: "ann"), note: "second")
    try await Self.run(service) { $0.isPaused && $0.quarantine.count == 2 }
    let notes = journal.records.filter { $0.kind == .decision }
    #expect(notes.map(\.payload) == ["first", "second"])
    #expect(journal.records.prefix(3).map(\.kind) == [.decision, .decision, .state])
    #expect(!journal.records.prefix(2).contains { $0.effect != nil })
  }

  @Test func `a decision whose state was not written is not known to be taken`() async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal(recordsMax: 1))
    let service = Self.make(outside, journal)
    service.decide(Decision(choice: .pause, by: "ann"), note: "first")
    await #expect(throws: StepFailure.self) { try await Self.run(service) { $0.isPaused } }
    #expect(journal.records.map(\.kind) == [.decision])
    #expect(!service.snapshot.record.isPaused)
  }

  @Test func `a wish to retry is granted, within its bound`() async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal())
    let busy = StepFailure(code: "Busy", disposition: .retry, message: "the database is busy")
    for _ in 0..<3 { outside.fail("apply 1", busy) }
    let service = Self.make(outside, journal)
    service.offer(Self.offer([Self.first]))
    try await Self.run(service) { $0.deployed == Self.first && $0.run == nil }
    #expect(outside.calls.count { $0 == "apply 1" } == 4)
  }

  @Test func `a verdict of unsafe changes nothing and quarantines the release`() async throws {
    let (outside, journal) = await (Self.outside(), SimulatedJournal())
    let service = Self.make(outside, journal)
    service.offer(Self.offer([Self.first]))
    try await Self.run(service) { $0.deployed == Self.first && $0.run == nil }
    await outside.service.judge(
      Verdict(
        judgement: .unsafe, checks: 3, coversRollback: false, evidence: ["no such column: note"]))
    let next = Self.make(outside, journal)
    next.offer(Self.offer([Self.first, Self.second]))
    try await Self.run(next) { !$0.quarantine.isEmpty && $0.run == nil }
    let record = next.snapshot.record
    #expect(record.deployed == Self.first)
    #expect(record.pastRuns.last?.ending == .refused)
    #expect(record.quarantine.map(\.version) == [Version(1, 1, 0)])
    #expect(!outside.calls.contains("apply 2"))
  }

  #if DEBUG
    /// A rule, and the call that must not be made without it.
    struct Missing: CustomTestStringConvertible, Sendable {
      var rule: Rules.Name
      var call: String
      var invariant: String
      var testDescription: String { rule.rawValue }
    }

    @Test(arguments: [
      Missing(rule: .provesBeforeExpand, call: "apply 2", invariant: "R2"),
      Missing(rule: .backsUpBeforeExpand, call: "apply 2", invariant: "D1"),
      Missing(rule: .contractsAfterCommit, call: "apply 3", invariant: "R3"),
      Missing(rule: .fencesTakeover, call: "apply 2", invariant: "F1"),
    ])
    func `a daemon whose core lost a rule does nothing rather than break it`(
      missing: Missing
    ) async throws {
      let (outside, journal) = await (Self.outside(), SimulatedJournal())
      let service = Self.make(outside, journal)
      service.offer(Self.offer([Self.first]))
      try await Self.run(service) { $0.deployed == Self.first && $0.run == nil }
      let broken = Self.make(outside, journal, rules: .whole.without(missing.rule))
      broken.offer(Self.offer([Self.first, Self.second]))
      try await Self.run(broken) {
        ($0.run?.block ?? $0.block)?.code == "InvariantBreached" || $0.deployed == Self.second
      }
      let record = broken.snapshot.record
      let block = try #require(record.run?.block ?? record.block)
      #expect(block.code == "InvariantBreached")
      #expect(block.message.contains(missing.invariant))
      #expect(!outside.calls.contains(missing.call))
    }
  #endif
}

/// A loop that its own failpoint speaks to.
private final class Held: Sendable {
  let service = Mutex<ServiceOperator?>(nil)
}
