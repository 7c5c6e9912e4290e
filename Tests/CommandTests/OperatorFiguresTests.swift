import Testing
import WindlassStatus

@testable import KubernetesFleet
@testable import WindlassCore
@testable import windlass

/// What the operator counts, and what it tells of its services.
struct OperatorFiguresTests {
  private static let dawn = PluginStates.dawn

  private static func service(
    _ name: String, _ standing: ServiceStanding, _ change: (inout ServiceFigures) -> Void = { _ in }
  ) -> ServiceFigures {
    var figures = ServiceFigures(ObjectKey(namespace: "shop", name: name), standing)
    change(&figures)
    return figures
  }

  @Test func `everything that is told is the recorded text`() throws {
    var figures = OperatorFigures()
    figures.requestEnded(.get, status: 200, after: .milliseconds(4))
    figures.requestEnded(.get, status: 200, after: .milliseconds(700))
    figures.requestEnded(.get, status: nil, after: .seconds(40))
    figures.requestEnded(.patch, status: 409, after: .milliseconds(20))
    figures.requestEnded(.watch, status: 200, after: .minutes(7))
    figures.watchBegins(of: .pods, isFirst: true)
    figures.watchBegins(of: .managedServices, isFirst: true)
    figures.watchBegins(of: .pods, isFirst: false)
    figures.leaseRenewed()
    figures.runEnded(RunEnd(ending: .completed, duration: .minutes(9)))
    figures.runEnded(RunEnd(ending: .rolledBack, duration: nil))
    let services = [
      Self.service("web", .progressing) {
        ($0.deployed, $0.target, $0.phase) = (Version(1, 0, 0), Version(1, 1, 0), .backUp)
        $0.feed = FeedSighting(fetchedAt: Self.dawn, expires: Self.dawn + .hours(24))
      },
      Self.service("api", .ready) {
        ($0.deployed, $0.target) = (Version(2, 0, 0), Version(2, 0, 0))
        $0.feed = FeedSighting()
      },
      Self.service("odd", .notDriven), Self.service("held", .blocked) { $0.phase = .prove },
      Self.service("new", .starting),
    ]
    try expectGolden(
      Exposition.text(ServiceFigures.families(services) + figures.families), "metrics.txt")
  }

  @Test func `there are no more figures after a thousand answers of all kinds`() {
    var figures = OperatorFigures()
    for status in 0..<1_000 {
      for verb in RequestVerb.allCases {
        figures.requestEnded(verb, status: status, after: .zero)
      }
    }
    let lines = Exposition.text(figures.families).split(separator: "\n")
    // Each of the 500 statuses that there are, and one word for what is none.
    #expect(
      lines.count { $0.hasPrefix("windlass_requests_total{") }
        == RequestVerb.allCases.count * 501)
    #expect(lines.contains("windlass_requests_total{verb=\"get\",code=\"error\"} 500"))
  }

  @Test func `a run counts once when it has ended, with how long it was open`() {
    let rest = PluginStates.rest
    let open = PluginStates.run(.roll)
    let ended = PluginStates.ended(open, as: .rolledBack)
    #expect(RunEnd.news(open, after: rest).isEmpty)
    #expect(RunEnd.news(ended, after: ended).isEmpty)
    let end = RunEnd.news(ended, after: open)
    #expect(end.map(\.ending) == [.rolledBack])
    #expect(end.first?.duration == ended.pastRuns.last.map { $0.endedAt - Self.dawn })
    #expect(RunEnd.news(ended, after: rest) == [RunEnd(ending: .rolledBack, duration: nil)])
  }

  @Test func `an operator lives while its loops turn, and stands once it has begun to`() {
    let clock = MovedClock(Self.dawn)
    let recorder = OperatorRecorder(clock: clock)
    #expect(recorder.liveness.isGood)
    #expect(recorder.candidacy.trouble == "has not begun")
    recorder.turned(.election)
    recorder.turned(.informer(Selection(.pods)))
    recorder.hostTurned()
    #expect(recorder.candidacy.trouble == nil)
    clock.move(by: .minutes(4))
    #expect(
      recorder.liveness.checks.filter { $0.trouble != nil }.map(\.name) == ["election"])
    #expect(recorder.candidacy.trouble == "has stood still for 240 seconds")
    recorder.turned(.election)
    clock.move(by: .minutes(2))
    #expect(
      recorder.liveness.checks.filter { $0.trouble != nil }.map(\.name) == ["services"])
    recorder.hostEnded()
    #expect(recorder.liveness.isGood)
    clock.move(by: .minutes(11))
    recorder.turned(.election)
    #expect(
      recorder.liveness.checks.filter { $0.trouble != nil }.map(\.name)
        == ["informer of pods in all namespaces"])
  }

  @Test func `who does not lead tells of no service`() {
    let text = Exposition.text(ServiceRoster().families(at: Self.dawn))
    #expect(text.contains("windlass_services{state=\"ready\"} 0\n"))
    #expect(text.contains("windlass_work_running 0\n"))
    #expect(!text.contains("namespace="))
  }

  @Test func `what the process costs is read from the machine`() {
    let names = ProcessAccount().families.map(\.name)
    #expect(
      names == [
        "process_resident_memory_bytes", "process_cpu_seconds_total",
        "process_start_time_seconds",
      ])
  }
}
