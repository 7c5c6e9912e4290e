import Testing
import WindlassWire

@testable import windlass

/// What the demo shows and reports, from values alone.
struct DemoTests {
  private static let status: JSONValue = [
    "service": "beacon", "phase": "roll", "run": "run-2", "direction": "forward",
    "deployedVersion": "1.0.0", "targetVersion": "1.1.0", "schemaVersion": "4",
    "blockedReason": .null, "retrying": "PortInUse: the port is taken",
    "conditions": [["type": "Ready", "status": "False"]],
    "instances": [
      ["release": "1.0.0", "ready": true, "draining": false],
      ["release": "1.0.0", "ready": true, "draining": true],
      ["release": "1.1.0", "ready": true, "draining": false],
      ["release": "1.1.0", "ready": false, "draining": false],
    ],
    "steps": [
      ["name": "expand", "state": "done"], ["name": "roll", "state": "current"],
      ["name": "soak", "state": "pending"],
    ],
    "quarantined": [["version": "1.1.1", "build": "b"]],
    "lastRuns": [
      [
        "to": "1.0.0", "ending": "Completed", "reason": .null, "evidence": ["every probe passed"],
      ]
    ],
  ]

  private static func result(_ story: DemoStory, _ outcome: String) -> StoryResult {
    StoryResult(
      name: story.name, title: story.title, expected: story.expected, outcome: outcome,
      milliseconds: 12_345, evidence: ["no such column: f.rollout_percent in SELECT f.key"])
  }

  private static func load(lost: Int) -> LoadTally {
    var tally = LoadTally()
    tally.total = 61_000
    tally.lost = lost
    tally.retried = 2
    tally.repliesByServer = ["beacon/1.0.0": 30_000, "beacon/1.1.0": 31_000 - lost]
    for microseconds in 1...100 { tally.latencies.add(microseconds: Int64(microseconds) * 100) }
    return tally
  }

  private static func report(lost: Int, outcome: String? = nil) -> DemoReport {
    DemoReport(
      stories: DemoStory.all.map { result($0, outcome ?? $0.expected) }, load: load(lost: lost),
      losses: lost > 0 ? ["request 7 (keep-alive, GET /): the connection failed"] : [],
      milliseconds: 45_678)
  }

  @Test func `a service's status is read from what the daemon says`() throws {
    let status = try #require(ServiceStatus(DemoTests.status))
    #expect(status.phase == "roll")
    #expect(status.isRunOpen)
    #expect(!status.isReady)
    #expect(status.blockedReason == nil)
    #expect(status.retrying == "PortInUse: the port is taken")
    #expect(status.instances.map(\.isDraining) == [false, true, false, false])
    #expect(status.pastRun(to: "1.0.0")?.ending == "Completed")
    #expect(status.pastRun(to: "1.1.0") == nil)
    #expect(status.quarantined == ["1.1.1"])
    #expect(ServiceStatus(["phase": "idle"]) == nil)
  }

  @Test func `the picture shows stories, steps, instances and load`() throws {
    let first = DemoTests.result(DemoStory.all[0], DemoStory.all[0].expected)
    let scene = DemoScene(
      act: "beacon is offered 1.1.0", seconds: 83,
      stories: [
        .init(title: DemoStory.all[0].title, progress: .ended(first)),
        .init(title: DemoStory.all[1].title, progress: .current),
        .init(title: DemoStory.all[2].title, progress: .waiting),
      ],
      status: ServiceStatus(DemoTests.status), load: DemoTests.load(lost: 1), rate: 2_398)
    let text = DemoView.picture(scene).map { spans in
      spans.map { $0.rendered(inColour: false) }.joined()
    }.joined(separator: "\n")
    try expectGolden(text + "\n" + DemoView.summary(scene) + "\n", "demo-picture.txt")
  }

  @Test func `the report for machines begins with requests and stories`() throws {
    let document = DemoTests.report(lost: 0).document
    try expectGolden(document.prettyText + "\n", "demo-report.json")
  }

  @Test func `a report is good only without a loss and with every verdict right`() {
    #expect(DemoTests.report(lost: 0).isGood)
    #expect(!DemoTests.report(lost: 1).isGood)
    #expect(!DemoTests.report(lost: 0, outcome: "Completed, 1.1.0 on schema 4").isGood)
  }

  @Test func `each story calls only the right ending right`() throws {
    let right: [(deployed: String, schema: String, ending: String)] = [
      ("1.1.0", "5", "Completed"), ("1.0.0", "2", "Refused"), ("1.1.0", "5", "RolledBack"),
    ]
    let evidence = "500: no such column: f.rollout_percent in SELECT f.key"
    for (story, right) in zip(DemoStory.all, right) {
      var status = try #require(ServiceStatus(DemoTests.status))
      (status.deployedVersion, status.schemaVersion) = (right.deployed, right.schema)
      var run = ServiceStatus.PastRun(
        target: story.target, ending: right.ending, reason: "", evidence: [evidence])
      #expect(story.outcome(status, run) == story.expected)
      status.schemaVersion = "3"
      #expect(story.outcome(status, run) != story.expected)
      status.schemaVersion = right.schema
      run.ending = "Blocked"
      #expect(story.outcome(status, run) != story.expected)
    }
    var reckless = try #require(ServiceStatus(DemoTests.status))
    (reckless.deployedVersion, reckless.schemaVersion) = ("1.0.0", "2")
    let silent = ServiceStatus.PastRun(
      target: "1.1.0", ending: "Refused", reason: "", evidence: ["some other reason"])
    #expect(DemoStory.all[1].outcome(reckless, silent) != DemoStory.all[1].expected)
  }
}
