import ArgumentParser
import KubernetesFleet
import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

/// Counts looks.
private final class Looks: Sendable {
  private let count = Mutex(0)

  func next() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}

/// What `kubectl windlass` tells of services.
struct PluginStatusTests {
  private func world(_ records: ServiceRecord...) async throws -> PluginWorld {
    let world = try await PluginWorld()
    try await world.office.open(records, offer: PluginStates.offer)
    return world
  }

  @Test func `one service is shown with what it waits for and the command that helps`()
    async throws
  {
    var doubtful = PluginStates.rolling
    doubtful.run?.phase = .contract
    doubtful.run?.isCommitted = true
    doubtful.run?.block = Block(
      code: "InstanceInDoubt", message: "instance beacon-a:uid-a of 1.0.0 may be alive")
    doubtful.instances[0].isMissing = true
    var paused = PluginStates.quarantined
    paused.isPaused = true
    var soaking = PluginStates.rolling
    soaking.run?.phase = .soak
    let cases: [(String, ServiceRecord)] = [
      ("amid a roll", PluginStates.rolling), ("waiting for an approval", PluginStates.waiting),
      ("soaking", soaking), ("an instance in doubt", doubtful), ("paused", paused),
      ("at rest", PluginStates.ended(PluginStates.rolling, as: .completed)),
      ("not adopted", PluginStates.blocked("NotAdopted", "what runs is of no known release")),
      ("backing up", PluginStates.run(.backUp)),
    ]
    var text = ""
    for (name, record) in cases {
      let world = try await world(PluginStates.rest, record)
      // The operator takes back a pause that the document does not want.
      if record.isPaused { _ = try await world.run(["pause", "beacon", "--wait", "0"]) }
      let outcome = try await world.run(["status", "beacon"])
      #expect(outcome.status == .done)
      text += "# \(name)\n\(outcome.text)\n"
    }
    let unseen = try await PluginWorld()
    text += "# not looked at\n\(try await unseen.run(["status", "beacon"]).text)"
    for part in [
      "progress: 1 of 3 instances are of 1.1.0", "waits for: a person's approval of beacon-r7",
      "    kubectl windlass approve beacon --namespace shop",
      "waits for: InstanceInDoubt: instance beacon-a:uid-a of 1.0.0 may be alive",
      "    kubectl windlass confirm-dead beacon INSTANCE --namespace shop",
      "waits for: somebody to let it go on: it is paused",
      "    kubectl windlass adopt beacon VERSION --namespace shop", "beacon unobserved",
    ] {
      #expect(text.contains(part), "\(part) is not in \(text)")
    }
  }

  @Test func `for machines it is one object, with a reason for what nobody drives`() async throws {
    let world = try await PluginWorld()
    try await world.office.open(
      [PluginStates.rest],
      trouble: StepFailure(
        code: "BadConfiguration", disposition: .wait, message: "spec.windows is written"))
    let outcome = try await world.run(["status", "beacon", "-o", "json"])
    let body = try JSONValue.parse(Array(outcome.text.utf8))
    #expect(body["phase"] == "blocked")
    #expect(body["blockedReason"] == "BadConfiguration: spec.windows is written")
    #expect(
      body.value(at: "/waitsFor/commands")
        == ["kubectl edit managedservice beacon --namespace shop"])
    #expect(body["deployedVersion"] == "1.0.0")
  }

  @Test func `all services are a line each, those of all namespaces if that is asked for`()
    async throws
  {
    let world = try await PluginWorld(["beacon", "web"])
    try await world.office.open(
      [PluginStates.rest, PluginStates.waiting], offer: PluginStates.offer)
    let own = try await world.run(["status"]).text
    #expect(own.hasPrefix("NAME "), "\(own)")
    #expect(own.split(separator: "\n").count == 3, "\(own)")
    let all = try await world.run(["status", "-A"]).text
    #expect(all.hasPrefix("NAMESPACE "), "\(all)")
    let none = try await world.run(["status"], on: world.reached(in: "default")).text
    #expect(none.contains("The namespace default of"), "\(none)")
    let lines = try await world.run(["status", "--json"]).text.split(separator: "\n")
    #expect(
      try lines.map { try JSONValue.parse(Array($0.utf8))["service"] } == ["beacon", "web"])
  }

  @Test func `whoever watches sees each change once`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.waiting)
    let cluster = try world.reached()
    let command = try #require(
      try KubectlPlugin.parseAsRoot(["status", "beacon", "--watch", "--json"])
        as? KubectlPlugin.Status)
    let capture = try Capture(isJSON: true)
    let looks = Looks()
    world.clock.look {
      let count = looks.next()
      if count == 2 { try? await world.office.become(PluginStates.rolling) }
      if count == 4 { withUnsafeCurrentTask { $0?.cancel() } }
    }
    let output = capture.output
    let task = Task { try await command.perform(output, on: cluster) }
    #expect(try await task.value == .done)
    let phases = try capture.text.split(separator: "\n").map {
      try JSONValue.parse(Array($0.utf8))["phase"]?.string
    }
    #expect(phases == ["approve", "roll"])
  }

  @Test func `the plan is the one that the run has pinned, or says that there is none`()
    async throws
  {
    var paused = PluginStates.rest
    paused.isPaused = true
    let cases: [(String, ServiceRecord, windlass.ExitStatus)] = [
      ("waiting for an approval", PluginStates.waiting, .pending),
      ("amid a roll", PluginStates.rolling, .pending), ("at rest", PluginStates.rest, .done),
      ("paused", paused, .done),
      ("dirty", PluginStates.blocked("DirtyLedger", "the ledger is dirty at 2"), .dirty),
    ]
    var text = ""
    for (name, record, status) in cases {
      let world = try await world(PluginStates.rest, record)
      let outcome = try await world.run(["plan", "beacon"])
      #expect(outcome.status == status, "\(name)")
      text += "# \(name)\n\(outcome.text)\n"
    }
    let unseen = try await PluginWorld().run(["plan", "beacon"])
    #expect(unseen.status == .unknown)
    text += "# not looked at\n\(unseen.text)"
    for part in [
      "beacon-r7 (1.0.0 → 1.1.0), in phase approve", "before the roll: migrations 2, 3",
      "verdict of the proof: safe", "Nothing is to be done: no run of shop/beacon is open",
      "No run of shop/beacon starts. DirtyLedger", "No operator has looked at shop/beacon yet",
    ] {
      #expect(text.contains(part), "\(part) is not in \(text)")
    }
  }

  @Test func `runs that ended are shown, by the journal and by their objects`() async throws {
    let first = PluginStates.ended(PluginStates.run(.roll, number: 6), as: .rolledBack)
    var second = PluginStates.run(.roll)
    second.pastRuns = first.pastRuns
    // The journal remembers so many; the objects of older ones are still there.
    var last = PluginStates.ended(second, as: .completed)
    last.pastRuns.removeFirst()
    let world = try await world(
      PluginStates.rest, PluginStates.run(.roll, number: 6), first, second, last)
    let outcome = try await world.run(["history", "beacon"])
    #expect(outcome.text.split(separator: "\n").count == 3, "\(outcome.text)")
    let one = try await world.run(["history", "beacon", "--run", "beacon-r7", "--json"]).text
    #expect(try JSONValue.parse(Array(one.utf8)).value(at: "/runs/0/ending") == "Completed")
    let unknown = try await world.run(["history", "beacon", "--run", "beacon-r9"])
    #expect(unknown.status == .failed)
    #expect(unknown.text.contains("No run beacon-r9 of shop/beacon has ended"))
  }

  @Test func `a service that is not there is told with those that are`() async throws {
    let world = try await PluginWorld(["beacon", "web"])
    let missing = try await world.run(["status", "becon"])
    #expect(missing.status == .failed)
    #expect(missing.text.contains("it has beacon, web. Is beacon meant?"), "\(missing.text)")
    let elsewhere = try await world.run(["plan", "beacon"], on: world.reached(in: "default"))
    #expect(
      elsewhere.text.contains("has no ManagedService, so none named beacon"), "\(elsewhere.text)")
    #expect(try await world.run(["status", "a/b"]).status == .usage)
  }

  @Test func `a damaged journal is told, and nothing is made up`() async throws {
    let world = try await world(PluginStates.rest, PluginStates.rolling)
    _ = try await world.reached().client.patch(
      ObjectReference(.upgradeRuns, "beacon-r7", in: "shop"),
      .merge([
        "status": ["journal": ["digest": .string("sha256:" + String(repeating: "0", count: 64))]]
      ]),
      subresource: "status")
    let shown = try await world.run(["status", "beacon"])
    #expect(shown.text.contains("waits for: JournalCorrupt: "), "\(shown.text)")
    #expect(shown.text.contains("roll"), "the run's own object tells the phase: \(shown.text)")
    let decided = try await world.run(["rollback", "beacon", "--yes"])
    #expect(decided.status == .failed)
    #expect(decided.text.contains("Nothing was written"), "\(decided.text)")
  }

  // MARK: - Words

  @Test func `each help has an example`() throws {
    let commands = KubectlPlugin.configuration.subcommands
    #expect(commands.count == 11)
    let all: [any ParsableCommand.Type] = [KubectlPlugin.self] + commands
    let texts = all.map { command in
      KubectlPlugin.helpMessage(for: command, includeHidden: false, columns: 80)
    }
    for text in texts { #expect(text.contains("Example: kubectl windlass "), "\(text)") }
  }

  @Test(arguments: [
    ("/usr/bin/kubectl-windlass", true), ("kubectl-windlass", true), ("/usr/bin/windlass", false),
    ("", false),
  ])
  func `the program is what it is called`(path: String, isPlugin: Bool) {
    #expect((Windlass.root(calledBy: path) == KubectlPlugin.self) == isPlugin)
  }

  @Test(arguments: [
    (["status", "--json"], true), (["status", "-o", "json"], true), (["status", "-ojson"], true),
    (["status", "--output=json"], true), (["status", "json"], false), (["status", "-o"], false),
  ])
  func `kubectl's words for JSON are understood`(words: [String], isJSON: Bool) {
    #expect(FormatOptions.isJSON(words) == isJSON)
  }

  @Test(arguments: [
    (["status", "beacon", "-A"], "excludes a service"), (["status", "-o", "yaml"], "json"),
    (["rollback"], "service"), (["pause", "beacon", "--wait", "soon"], "no time"),
    (["history", "beacon", "--limit", "0"], "from 1 to 1000"), (["undo", "beacon"], "undo"),
  ])
  func `wrong usage is told by name`(words: [String], message: String) {
    let error = #expect(throws: (any Error).self) { try KubectlPlugin.parseAsRoot(words) }
    let text = error.map { KubectlPlugin.fullMessage(for: $0) } ?? ""
    #expect(text.contains(message), "\(text)")
  }

  @Test(arguments: [("0", 0), ("10", 10_000), ("10s", 10_000), ("250ms", 250), ("2m", 120_000)])
  func `a time to wait may be a bare number of seconds`(text: String, milliseconds: Int) throws {
    #expect(try ErrandOptions.time(text) == .milliseconds(Int64(milliseconds)))
  }
}
