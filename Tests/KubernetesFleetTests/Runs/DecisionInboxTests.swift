import Testing
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import WindlassCore

/// People's decisions as objects have them, and as the core gets them.
struct DecisionInboxTests {
  private let now = Timestamp(milliseconds: 1_800_000_000_000)

  private func service(
    _ orders: [String: String], decisions: [JSONValue] = []
  ) -> KubernetesObject {
    let annotations = orders.sorted { $0.key < $1.key }
      .map { JSONMember(DecisionOrder.prefix + $0.key, .string($0.value)) }
    return KubernetesObject(
      Documents.service().body.setting(["metadata", "uid"], to: "u1")
        .setting(["metadata", "annotations"], to: .object(annotations))
        .setting(["status", "decisions"], to: .array(decisions)))
  }

  private func look(
    _ service: KubernetesObject, _ record: ServiceRecord, run: KubernetesObject? = nil,
    isIdle: Bool = false, journaled: JournaledDecisions = JournaledDecisions(),
    offer: Offer? = nil
  ) -> DecisionInbox.Look {
    var watch = Watch()
    watch.offer = offer
    return DecisionInbox.Look(
      service: service, run: run, state: ServiceState(record: record, watch: watch),
      isIdle: isIdle, journaled: journaled, now: now)
  }

  private let running = Chronicle.life[3]

  @Test func `a decision is handed over once, told once, and then its annotation can go`() {
    var inbox = DecisionInbox()
    let order = DecisionOrder(choice: .rollback, by: "ann", reason: "slow", run: "beacon-r1")
    let written = service(["ann-12345": order.text])
    let mail = inbox.look(look(written, running))
    #expect(
      mail.deliveries.map(\.decision) == [Decision(choice: .rollback, by: "ann", reason: "slow")])
    #expect(mail.answers.isEmpty && mail.answered.isEmpty)
    #expect(inbox.look(look(written, running)) == DecisionInbox.Mail())
    // Written down, but the state that it leads to is not.
    var journaled = JournaledDecisions(noted: ["u1/ann-12345"])
    #expect(inbox.look(look(written, running, journaled: journaled)) == DecisionInbox.Mail())
    journaled.settled = journaled.noted
    let told = inbox.look(look(written, running, journaled: journaled))
    #expect(told.deliveries.isEmpty)
    #expect(told.answers.map(\.outcome) == [.taken])
    #expect(told.answers.first?.id == "ann-12345")
    let answered = service(["ann-12345": order.text], decisions: [told.answers[0].json])
    #expect(inbox.look(look(answered, running)).answered == ["ann-12345"])
  }

  @Test func `a daemon that starts again hands over only what no state has in it`() {
    let order = DecisionOrder(choice: .resume, by: "ann").text
    let written = service(["aaaaaaaa": order, "bbbbbbbb": order])
    var inbox = DecisionInbox()
    let mail = inbox.look(
      look(
        written, running,
        journaled: JournaledDecisions(
          noted: ["u1/aaaaaaaa", "u1/bbbbbbbb"], settled: ["u1/aaaaaaaa"])))
    #expect(mail.deliveries.map(\.ticket) == ["u1/bbbbbbbb"])
    #expect(mail.answers.map(\.id) == ["aaaaaaaa"])
  }

  @Test func `a decision that changed nothing is told when the operator has taken it in`() {
    var inbox = DecisionInbox()
    let written = service(["aaaaaaaa": DecisionOrder(choice: .resume, by: "ann").text])
    #expect(inbox.look(look(written, running)).deliveries.count == 1)
    let noted = JournaledDecisions(noted: ["u1/aaaaaaaa"])
    #expect(inbox.look(look(written, running, isIdle: true, journaled: noted)).answers.count == 1)
  }

  @Test func `what comes too late or makes no sense is refused with the reason`() {
    var committed = running
    committed.run?.isCommitted = true
    let release = Chronicle.release(Version(1, 0, 0))
    let offer = Offer(
      manifest: "m", serial: 1, releases: [release], expires: Timestamp(milliseconds: .max))
    let rest = Chronicle.life[0]
    let cases: [(DecisionOrder, ServiceRecord, String)] = [
      (DecisionOrder(choice: .rollback, by: "ann"), running, "names no run"),
      (DecisionOrder(choice: .rollback, by: "ann", run: "beacon-r0"), running, "beacon-r0"),
      (DecisionOrder(choice: .rollback, by: "ann", run: "beacon-r1"), rest, "not open"),
      (DecisionOrder(choice: .rollback, by: "ann", run: "beacon-r1"), committed, "commit point"),
      (
        DecisionOrder(choice: .downgrade, by: "ann", version: "0.9.0", run: "beacon-r1"), running,
        "1.0.0 and to nothing else"
      ),
      (DecisionOrder(choice: .quarantine, by: "ann", version: "new"), rest, "not a version"),
      (DecisionOrder(choice: .confirmDead, by: "ann", instance: "x"), rest, "in doubt"),
      (DecisionOrder(choice: .adopt, by: "ann", version: "1.0.0"), running, "beacon-r1 is open"),
      (DecisionOrder(choice: .adopt, by: "ann", version: "2.0.0"), rest, "it knows 1.0.0"),
    ]
    for (order, record, text) in cases {
      var inbox = DecisionInbox()
      let mail = inbox.look(look(service(["aaaaaaaa": order.text]), record, offer: offer))
      #expect(mail.deliveries.isEmpty, "\(order)")
      #expect(mail.answers.map(\.outcome) == [.refused], "\(order)")
      #expect(mail.answers.first?.message.contains(text) == true, "\(mail.answers)")
    }
    for text in ["", "{}", "{\"choice\":\"restore\",\"by\":\"ann\"}", order(long: true)] {
      var inbox = DecisionInbox()
      let mail = inbox.look(look(service(["aaaaaaaa": text]), running))
      #expect(mail.answers.map(\.outcome) == [.refused], "\(text.prefix(40))")
    }
    var inbox = DecisionInbox()
    let short = inbox.look(look(service(["a": order(long: false)]), running))
    #expect(short.answers.map(\.outcome) == [.refused])
  }

  @Test func `a release to adopt is looked up once the first poll has ended`() {
    let written = service([
      "aaaaaaaa": DecisionOrder(choice: .adopt, by: "ann", version: "1.0.0").text
    ])
    var inbox = DecisionInbox()
    var early = look(written, Chronicle.life[0])
    early.isFeedPending = true
    #expect(inbox.look(early) == DecisionInbox.Mail())
    early.isFeedPending = false
    #expect(inbox.look(early).answers.map(\.outcome) == [.refused])
  }

  @Test func `what the document pauses is not resumed by an annotation`() {
    let order = DecisionOrder(choice: .resume, by: "ann").text
    let paused = KubernetesObject(
      service(["aaaaaaaa": order]).body.setting(["spec", "policy", "paused"], to: true))
    var inbox = DecisionInbox()
    let mail = inbox.look(look(paused, running))
    #expect(mail.deliveries.map(\.decision.choice) == [.pause])
    #expect(mail.answers.map(\.outcome) == [.refused])
    #expect(mail.answers.first?.message.contains("spec.policy.paused") == true)
  }

  private func order(long: Bool) -> String {
    let reason = String(repeating: "x", count: long ? RunBounds.decisionSizeMax : 1)
    return DecisionOrder(choice: .resume, by: "ann", reason: reason).text
  }

  @Test func `several decisions come in the order in which they were taken`() {
    var inbox = DecisionInbox()
    let orders = ["cccccccc": "1", "aaaaaaaa": "2", "bbbbbbbb": "3"].mapValues {
      DecisionOrder(choice: .quarantine, by: "ann", version: "1.\($0).0", time: "2027-01-0\($0)")
        .text
    }
    let mail = inbox.look(look(service(orders), running))
    #expect(
      mail.deliveries.map(\.decision.choice) == (1...3).map { .quarantine(Version(1, $0, 0)) })
  }

  @Test func `an approval is handed over once for the run that is open`() {
    var record = running
    record.policy.needsApproval = true
    let written = KubernetesObject(
      Documents.run("beacon-r1").body.setting(["metadata", "uid"], to: "r1")
        .setting(["spec", "approvedBy"], to: "ann"))
    var inbox = DecisionInbox()
    let plain = service([:])
    let mail = inbox.look(look(plain, record, run: written))
    #expect(
      mail.deliveries.map(\.decision) == [Decision(choice: .approve(Version(1, 1, 0)), by: "ann")])
    #expect(inbox.look(look(plain, record, run: written)) == DecisionInbox.Mail())
    // A daemon that starts again asks the state.
    var next = DecisionInbox()
    record.approved = Version(1, 1, 0)
    #expect(next.look(look(plain, record, run: written)) == DecisionInbox.Mail())
    record.approved = nil
    let other = KubernetesObject(
      written.body.setting(["metadata", "name"], to: "beacon-r9"))
    #expect(next.look(look(plain, record, run: other)) == DecisionInbox.Mail())
  }

  @Test func `the journal tells what is settled, over a restart too`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    let life = Chronicle.life
    try await journal.append(life[0...1], after: nil)
    let delivery = DecisionDelivery(
      ticket: "u1/aaaaaaaa", decision: Decision(choice: .pause, by: "ann"))
    let note = JournalRecord(
      service: "beacon", kind: .decision, at: now, payload: delivery.note)
    _ = try await journal.append(note)
    var read = try await JournaledDecisions(try world.journal(), of: "beacon")
    #expect(read == JournaledDecisions(noted: ["u1/aaaaaaaa"]))
    try await journal.append(life[2...2], after: life[1])
    read = try await JournaledDecisions(try world.journal(), of: "beacon")
    #expect(read == JournaledDecisions(noted: ["u1/aaaaaaaa"], settled: ["u1/aaaaaaaa"]))
  }

  @Test func `answered annotations go, and nothing else`() async throws {
    let world = try await RunWorld()
    let order = DecisionOrder(choice: .resume, by: "ann").text
    try await world.change(
      .managedServices, "beacon",
      [
        "metadata": [
          "annotations": .object([
            JSONMember(DecisionOrder.prefix + "aaaaaaaa", .string(order)),
            JSONMember(DecisionOrder.prefix + "bbbbbbbb", .string(order)),
            JSONMember("team", "flags"),
          ])
        ]
      ])
    let seen = try #require(try await world.service())
    try await DecisionDesk.clear(["aaaaaaaa"], from: seen, by: try world.client())
    let left = try #require(try await world.service()).annotations
    #expect(left.keys.sorted() == [DecisionOrder.prefix + "bbbbbbbb", "team"])
  }
}
