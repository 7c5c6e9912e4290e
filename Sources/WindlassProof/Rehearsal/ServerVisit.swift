import WindlassCore
import WindlassWire

/// What was seen of one server in one part of a rehearsal.
struct ServerVisit {
  let part: ServerPart
  let title: String
  var results: [ProbeResult] = []
  /// What failed, without the sentence's beginning.
  var failures: [String] = []
  /// What else helps to understand a failure.
  var remarks: [String] = []
  /// What the last round's replies gave.
  var captures: ProbeCaptures = [:]
  /// Whether every look found it isolated.
  var wasIsolated = true
  var usedScratch = false
  var usedProduction = false
  /// How it ended, if it was seen to have ended.
  var exit: ExitReport?
  /// Whether it ended before it was ready, so that it may never have opened its database.
  var hasEndedUnready = false
  /// Whether its artifact could not be started at all.
  var wasRefused = false
  private var wasReady = false
  private var output = ""

  /// Probes that were asked.
  var checks: Int { results.count { $0.isCheck } }

  init(part: ServerPart, title: String) {
    self.part = part
    self.title = title
  }

  /// Takes one look at the server into account.
  mutating func see(_ report: RehearsalServerReport) {
    wasIsolated = wasIsolated && report.isIsolated
    usedScratch = usedScratch || report.usesScratch
    usedProduction = usedProduction || report.usesProduction
    exit = report.exit ?? exit
    if !report.output.isEmpty { output = report.output }
  }

  /// Takes into account that the artifact could not be started at all.
  mutating func recordRefusedStart(_ failure: StepFailure) {
    wasRefused = true
    failures.append("it could not be started: \(Excerpt.plain(failure.message))")
  }

  /// Takes the wait for readiness into account; false when there is nobody to ask.
  mutating func recordReadiness(_ outcome: ReadinessOutcome) -> Bool {
    switch outcome {
    case .ready:
      wasReady = true
      return true
    case .ended(let exit):
      hasEndedUnready = true
      failures.append("it ended before it was ready, with \(exit)")
    case .late(let answer):
      failures.append("it did not become ready in time; its last answer: \(answer)")
    }
    return false
  }

  /// Takes one round of probes into account; without a round it is a reading of what the other
  /// release wrote.
  mutating func add(_ set: ProbeSetResult, round: Int?) {
    results += set.results
    if set.checks == 0 { failures.append("0 checks were carried out") }
    switch round {
    case 1?: failures += set.failures
    case let round?:
      failures += set.failures.map {
        "\($0) (in round \(round), after passing before; probes must be repeatable, and may use "
          + "{\(ProbeRunner.uniqueName)} in what they create)"
      }
    case nil: failures += set.failures.map { "\($0) (reading what the new release wrote)" }
    }
  }

  /// Ends the visit: a server that went by itself has failed, and its last lines explain it.
  mutating func closeBooks(ownExit: ExitReport?) {
    if let ownExit, !hasEndedUnready {
      failures.append("it ended by itself while it was probed, with \(ownExit)")
    }
    // A server that answered has said in its reply what is wrong.
    guard !failures.isEmpty, ownExit != nil || !wasReady else { return }
    let lines = Excerpt.plain(String(output.suffix(Bounds.evidenceQuoteMax)))
    if !lines.isEmpty { remarks.append("\(title): the server's last lines: \(lines)") }
  }
}
