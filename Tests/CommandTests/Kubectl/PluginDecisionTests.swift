import KubernetesFleet
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import windlass

/// What `kubectl windlass` decides, up to the operator's answer.
struct PluginDecisionTests {
  private func world(_ records: ServiceRecord...) async throws -> PluginWorld {
    let world = try await PluginWorld()
    try await world.office.open(records, offer: PluginStates.offer)
    return world
  }

  private static let doubtful: ServiceRecord = {
    var record = PluginStates.rolling
    record.instances[0].isMissing = true
    return record
  }()

  private static let unadopted: ServiceRecord = {
    var record = PluginStates.blocked("NotAdopted", "what runs is of no known release")
    record.deployed = nil
    return record
  }()

  /// Each decision, the state that it is about, and what the core gets of it.
  static let cases: [(words: [String], record: ServiceRecord, choice: Decision.Choice)] = [
    (["rollback", "beacon", "--yes", "--reason", "slow"], PluginStates.rolling, .rollback),
    (["quarantine", "beacon", "1.2.0"], PluginStates.rest, .quarantine(Version(1, 2, 0))),
    (
      ["quarantine", "beacon", "1.1.0", "--yes"], PluginStates.rolling,
      .quarantine(Version(1, 1, 0))
    ),
    (["release", "beacon", "1.1.0"], PluginStates.quarantined, .release(Version(1, 1, 0))),
    (["adopt", "beacon", "1.0.0", "--yes"], unadopted, .adopt(Version(1, 0, 0))),
    (
      ["confirm-dead", "beacon", "beacon-a:uid-a", "--yes"], doubtful,
      .confirmDead("beacon-a:uid-a")
    ),
    (
      ["resume", "beacon"], PluginStates.blocked("LateMigration", "2 came after 3"), .resume
    ),
    (["approve", "beacon"], PluginStates.waiting, .approve(Version(1, 1, 0))),
    (["pause", "beacon"], PluginStates.rest, .pause),
  ]

  @Test(arguments: cases)
  func `a decision is written, taken up by the operator once, and its answer told`(
    words: [String], record: ServiceRecord, choice: Decision.Choice
  ) async throws {
    let world = try await world(PluginStates.rest, record)
    let outcome = try await world.run(words + ["--by", "ann"].filter { _ in words[0] != "pause" })
    #expect(outcome.status == .done, "\(outcome.text)")
    #expect(outcome.text.contains("\nTaken; shop/beacon is "), "\(outcome.text)")
    #expect(await world.office.deliveries.map(\.decision.choice) == [choice])
    if words[0] != "pause" {
      #expect(await world.office.deliveries.map(\.decision.by) == ["ann"])
    }
    // Its annotation goes at a later look, and nothing is handed over again.
    for _ in 0..<3 { await world.clock.sleep(until: world.clock.now() + .seconds(3)) }
    let left = try #require(try await world.object()).annotations.keys
    #expect(!left.contains { $0.hasPrefix(DecisionOrder.prefix) })
    #expect(await world.office.deliveries.count == 1)
    #expect(await world.office.failures == [])
  }

  @Test func `what is written says who, why, when, and for which run`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.rolling)
    let outcome = try await world.run([
      "rollback", "beacon", "--yes", "--by", "ann", "--reason", "slow answers", "--wait", "0",
    ])
    #expect(outcome.status == .done)
    let object = try #require(try await world.object())
    let text = object.annotations[DecisionOrder.prefix + "rollback-0123456789abc"]
    #expect(
      text.flatMap { DecisionOrder(text: $0) }
        == DecisionOrder(
          choice: .rollback, by: "ann", reason: "slow answers", run: "beacon-r7",
          time: world.clock.now().rfc3339))
    let fields = object.metadata["managedFields"]?.array ?? []
    #expect(fields.contains { $0["manager"]?.string == "kubectl-windlass" })
  }

  @Test func `what follows is shown before anything is written`() async throws {
    for (words, record, _) in Self.cases {
      let world = try await world(PluginStates.rest, record)
      let before = try await world.object()
      let outcome = try await world.run(words.filter { $0 != "--yes" } + ["--dry-run"])
      #expect(outcome.status == .done)
      #expect(try await world.object() == before)
      #expect(outcome.text.contains(" shop/beacon"), "\(outcome.text)")
      #expect(outcome.text.hasSuffix("Nothing was written.\n"), "\(outcome.text)")
    }
  }

  @Test func `what can't be taken back asks a person, and takes only a yes for one`() async throws {
    for (words, record, _) in Self.cases where words.contains("--yes") {
      let world = try await world(PluginStates.rest, record)
      let before = try await world.object()
      let bare = words.filter { $0 != "--yes" }
      let nobody = try await world.run(bare)
      #expect(nobody.status == .usage)
      #expect(nobody.text.contains("add --yes"), "\(nobody.text)")
      let no = try await world.run(bare, on: world.reached(answer: false))
      #expect(no.status == .failed)
      #expect(no.text.contains("was not confirmed"))
      // Where machines read, a terminal is not asked.
      let machine = try await world.run(bare + ["--json"], on: world.reached(answer: true))
      #expect(machine.status == .usage)
      #expect(try await world.object() == before)
      #expect(
        try await world.run(bare, on: world.reached(answer: true)).status == .done, "\(bare)")
    }
  }

  @Test(arguments: [
    (["rollback", "beacon", "--yes"], PluginStates.rest, "no run is open"),
    (["approve", "beacon"], PluginStates.rest, "no run is open"),
    (["approve", "beacon"], PluginStates.rolling, "spec.policy.approval is never"),
    (["adopt", "beacon", "1.0.0", "--yes"], PluginStates.rolling, "beacon-r7 is open"),
    (["release", "beacon", "1.2.0"], PluginStates.quarantined, "it has 1.1.0"),
    (
      ["confirm-dead", "beacon", "x", "--yes"], PluginStates.rest, "beacon-a:uid-a, beacon-b:uid-b"
    ),
  ])
  func `what would not be followed is refused here, with the reason`(
    words: [String], record: ServiceRecord, text: String
  ) async throws {
    let world = try await world(PluginStates.rest, record)
    let before = try await world.object()
    let outcome = try await world.run(words)
    #expect(outcome.status == .failed)
    #expect(outcome.text.contains("Nothing was written"), "\(outcome.text)")
    #expect(outcome.text.contains(text), "\(outcome.text)")
    #expect(try await world.object() == before)
  }

  @Test func `after the commit point there is no rollback`() async throws {
    var record = PluginStates.rolling
    record.run?.isCommitted = true
    let outcome = try await world(PluginStates.rest, record).run(["rollback", "beacon", "--yes"])
    #expect(outcome.text.contains("the commit point of beacon-r7 is passed"), "\(outcome.text)")
  }

  @Test func `the operator's objection is told, and is a failure`() async throws {
    let world = try await world(PluginStates.rest, Self.unadopted)
    let outcome = try await world.run(["adopt", "beacon", "9.0.0", "--yes"])
    #expect(outcome.status == .failed)
    #expect(
      outcome.text.contains("the manifest does not know 9.0.0; it knows 1.0.0, 1.1.0"),
      "\(outcome.text)")
  }

  @Test func `without an operator what is written stays, and that is told`() async throws {
    let world = try await world(PluginStates.rest)
    world.clock.look {}
    let outcome = try await world.run(["quarantine", "beacon", "1.2.0", "--json"])
    #expect(outcome.status == .pending)
    let body = try JSONValue.parse(Array(outcome.text.utf8))
    #expect(body["outcome"] == "Unanswered")
    #expect(body["id"] == "quarantine-0123456789abc")
    let shown = try await world.run(["status", "beacon"]).text
    #expect(shown.contains("quarantine-0123456789abc  quarantine"), "\(shown)")
    #expect(shown.contains("Waiting"), "\(shown)")
  }

  @Test func `nobody has looked at the service yet`() async throws {
    let world = try await PluginWorld()
    let outcome = try await world.run(["quarantine", "beacon", "1.2.0"])
    #expect(outcome.status == .failed)
    #expect(outcome.text.contains("no operator has looked at shop/beacon yet"), "\(outcome.text)")
  }

  @Test func `what is wrong in the words is told before anything is asked`() async throws {
    let world = try await world(PluginStates.rest)
    let version = try await world.run(["quarantine", "beacon", "new"])
    #expect(version.status == .usage)
    #expect(version.text.contains("\"new\" is not a version"), "\(version.text)")
    let long = String(repeating: "x", count: 2_000)
    #expect(try await world.run(["resume", "beacon", "--reason", long]).status == .usage)
    #expect(try await world.run(["resume", "beacon", "--by", ""]).status == .usage)
  }

  // MARK: - Pause and approval

  @Test func `a pause is taken away, and what stands is tried again with it`() async throws {
    var record = PluginStates.blocked("LateMigration", "2 came after 3")
    record.isPaused = true
    let world = try await PluginWorld()
    try await world.apply(["policy": ["paused": true]])
    try await world.office.open([PluginStates.rest, record], offer: PluginStates.offer)
    let outcome = try await world.run(["resume", "beacon"])
    #expect(outcome.status == .done, "\(outcome.text)")
    #expect(outcome.text.contains("also written by argocd"), "\(outcome.text)")
    let object = try #require(try await world.object())
    #expect(object.body.value(at: "/spec/policy/paused")?.bool != true)
    #expect(await world.office.state.record.isPaused == false)
    #expect(await world.office.state.record.block == nil)
  }

  @Test(arguments: [["resume", "beacon"], ["pause", "beacon"]])
  func `what is so already is told, and nothing is written`(words: [String]) async throws {
    let world = try await world(PluginStates.rest)
    if words[0] == "pause" { try await world.change(["spec": ["policy": ["paused": true]]]) }
    let before = try await world.object()
    let outcome = try await world.run(words)
    #expect(outcome.status == .done)
    #expect(outcome.text.contains("Nothing is to be done"), "\(outcome.text)")
    #expect(try await world.object() == before)
  }

  @Test func `a run is approved once`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.waiting)
    #expect(
      try await world.run(["approve", "beacon", "--by", "ann", "--wait", "0"]).status == .done)
    let again = try await world.run(["approve", "beacon", "--by", "bob"])
    #expect(again.status == .done)
    #expect(again.text.contains("it was approved by ann"), "\(again.text)")
    let run = try #require(try await world.object(.upgradeRuns, "beacon-r7"))
    #expect(run.body.value(at: "/spec/approvedBy") == "ann")
  }

  // MARK: - What happens in between

  @Test func `another's change in between costs only another attempt`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.rolling)
    let carrier = DisturbedTransport(world.host) {
      try? await world.change(["metadata": ["labels": ["team": "flags"]]])
    }
    let outcome = try await world.run(
      ["rollback", "beacon", "--yes"], on: world.reached(wrap: carrier))
    #expect(outcome.status == .done, "\(outcome.text)")
    #expect(carrier.count == 2)
    #expect(await world.office.deliveries.map(\.decision.choice) == [.rollback])
  }

  @Test func `a decision about what is not so any more is not written`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.rolling)
    let next: [ServiceRecord] = [
      PluginStates.ended(PluginStates.rolling, as: .completed), PluginStates.run(.roll, number: 8),
    ]
    let carrier = DisturbedTransport(world.host) {
      for record in next { try? await world.office.become(record) }
    }
    let outcome = try await world.run(
      ["rollback", "beacon", "--yes"], on: world.reached(wrap: carrier))
    #expect(outcome.status == .failed)
    #expect(outcome.text.contains("shop/beacon changed"), "\(outcome.text)")
    #expect(carrier.count == 1)
    #expect(await world.office.deliveries.isEmpty)
  }

  @Test func `a lost answer is read back, and nothing is written twice`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.rolling)
    let carrier = DisturbedTransport(world.host, losesAnswer: true)
    let outcome = try await world.run(
      ["rollback", "beacon", "--yes"], on: world.reached(wrap: carrier))
    #expect(outcome.status == .done, "\(outcome.text)")
    #expect(carrier.count == 1)
    #expect(await world.office.deliveries.count == 1)
  }

  @Test func `ids are what the operator takes for ids`() {
    for choice in DecisionOrder.Choice.allCases {
      let id = ReachedCluster.freshID(choice)
      #expect(DecisionOrder.isID(id), "\(id)")
      #expect(ReachedCluster.freshID(choice) != id)
    }
  }
}
