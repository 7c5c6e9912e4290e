import WindlassCore

/// Plays the demo: installs two services, puts load on them, and offers one release after the
/// other to the real daemon.
final class Demo {
  /// Requests that a whole demo puts at least, whatever the machine.
  static let requestsMin = 60_000
  /// Time for one story; one that takes longer has gone wrong.
  private static let storyDeadline: Int64 = 90_000_000_000
  /// Nanoseconds between two looks at the daemon.
  private static let pauseLength: Duration = .milliseconds(200)

  /// Nanoseconds for which a story's outcome is left on the screen.
  private static let restLength: Int64 = 1_500_000_000
  /// Nanoseconds over which the rate is taken.
  private static let rateSpan: Int64 = 1_500_000_000

  private let world: DemoWorld
  private let view: DemoView
  private let rate: Int
  private let interruption: Interruption
  private let started = LoadClock.now()
  private var lines = DemoStory.all.map { DemoScene.Line(title: $0.title, progress: .waiting) }
  private var results: [StoryResult] = []
  /// The last known schema version, by service.
  private var schemas: [String: String] = [:]
  /// Total of requests at recent moments, for the rate.
  private var samples: [(moment: Int64, total: Int)] = []

  init(world: DemoWorld, view: DemoView, rate: Int, interruption: Interruption) {
    self.interruption = interruption
    self.world = world
    self.view = view
    self.rate = rate
  }

  /// Plays everything, and reports.
  ///
  /// - Throws: `CommandFailure` when the daemon ended or nothing could be installed;
  ///   `CancellationError` when the person at the terminal had enough.
  func play() async throws -> DemoReport {
    show("packing the releases", nil)
    try world.packReleases()
    try world.publish(DemoFeeds.honest[0], of: world.services[0])
    try world.publish(DemoFeeds.reckless[0], of: world.services[1])
    try world.startAgent()
    try await install()
    try world.startLoad(rate: rate)
    for (index, story) in DemoStory.all.enumerated() {
      lines[index].progress = .current
      let result = try await tell(story)
      lines[index].progress = .ended(result)
      results.append(result)
      try await rest(after: story)
    }
    try await finishLoad()
    let tally = world.stopLoad()
    return DemoReport(
      stories: results, load: tally, losses: world.loads.flatMap { $0.losses() },
      milliseconds: (LoadClock.now() - started) / 1_000_000)
  }

  private func install() async throws {
    let deadline = LoadClock.now() + Demo.storyDeadline
    while true {
      let statuses = try world.statuses() ?? []
      show("installing 1.0.0", statuses.first { !Demo.isAtRest($0) } ?? statuses.first)
      let isDone = world.services.allSatisfy { service in
        statuses.contains {
          $0.service == service.name && $0.deployedVersion == "1.0.0" && Demo.isAtRest($0)
        }
      }
      if isDone { return }
      let refusal = statuses.compactMap { $0.pastRun(to: "1.0.0") }.first {
        $0.ending != "Completed"
      }
      guard refusal == nil, LoadClock.now() < deadline else {
        let words = statuses.map { "\($0.service): \($0.blockedReason ?? $0.retrying ?? $0.phase)" }
        throw CommandFailure(
          .failed, "NotInstalled",
          "Release 1.0.0 was not installed. \(refusal?.reason ?? words.joined(separator: "; "))")
      }
      try await pause()
    }
  }

  /// Publishes the story's release, and watches until the daemon is done with it.
  private func tell(_ story: DemoStory) async throws -> StoryResult {
    guard let service = world.services.first(where: { $0.name == story.service }) else {
      preconditionFailure("the story \(story.name) is about a service that was not set up")
    }
    let start = LoadClock.now()
    try world.publish(story.edition, of: service)
    var outcome = "no answer from the daemon"
    var evidence: [String] = []
    while LoadClock.now() - start < Demo.storyDeadline {
      let status = try world.statuses()?.first { $0.service == story.service }
      show("\(story.service) is offered \(story.target)", status)
      if let status {
        outcome = "still in \(status.phase)"
        if let run = status.pastRun(to: story.target), Demo.isAtRest(status) {
          outcome = story.outcome(status, run)
          evidence = run.evidence.isEmpty ? [run.reason] : run.evidence
          break
        }
        if let reason = status.blockedReason {
          outcome = "blocked: \(reason)"
          break
        }
      }
      try await pause()
    }
    return StoryResult(
      name: story.name, title: story.title, expected: story.expected, outcome: outcome,
      milliseconds: (LoadClock.now() - start) / 1_000_000, evidence: evidence)
  }

  /// Leaves a story's outcome on the screen for a moment.
  private func rest(after story: DemoStory) async throws {
    let end = LoadClock.now() + Demo.restLength
    while LoadClock.now() < end {
      let status = try world.statuses()?.first { $0.service == story.service }
      show("\(story.service) has been offered \(story.target)", status)
      try await pause()
    }
  }

  /// Keeps the load up until it has put enough requests.
  private func finishLoad() async throws {
    let deadline = LoadClock.now() + Demo.storyDeadline
    while world.tally().total < Demo.requestsMin, LoadClock.now() < deadline {
      let status = try world.statuses()?.first { $0.service == world.services[0].name }
      show("the load goes on", status)
      try await pause()
    }
  }

  private func pause() async throws {
    try interruption.check()
    try await Task.sleep(for: Demo.pauseLength)
  }

  private static func isAtRest(_ status: ServiceStatus) -> Bool {
    !status.isRunOpen && status.isReady
  }

  private func show(_ act: String, _ status: ServiceStatus?) {
    var status = status
    if let seen = status {
      // While a migration runs the ledger's last reading is void; people want the last one.
      if seen.schemaVersion != ServiceStatus.unknown {
        schemas[seen.service] = seen.schemaVersion
      }
      status?.schemaVersion = schemas[seen.service] ?? ServiceStatus.unknown
    }
    let now = LoadClock.now()
    let tally = world.tally()
    samples.append((now, tally.total))
    samples.removeAll { now - $0.moment > Demo.rateSpan }
    var rate = 0
    if let first = samples.first, now > first.moment {
      rate = Int(Double(tally.total - first.total) * 1e9 / Double(now - first.moment))
    }
    view.show(
      DemoScene(
        act: act, seconds: (now - started) / 1_000_000_000, stories: lines, status: status,
        load: tally, rate: rate))
  }
}
