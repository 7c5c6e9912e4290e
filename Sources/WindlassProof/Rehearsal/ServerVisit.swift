package import WindlassCore
import WindlassWire

/// What was seen of one server in one part of a rehearsal.
///
/// As JSON it goes from where the server runs to where it is judged.
package struct ServerVisit: Codable, Sendable {
  package let part: ServerPart
  let title: String
  var results: [ProbeResult] = []
  /// Probes that were asked and whose results were left out, so that the rest fits where it goes.
  private(set) var checksOmitted = 0
  /// What failed, without the sentence's beginning.
  var failures: [String] = []
  /// What else helps to understand a failure.
  var remarks: [String] = []
  /// What the last round's replies gave.
  var captures = CapturedText()
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
  /// Why nothing of it can be trusted, as the rest of a sentence; nil when it can.
  var spoiledBecause: String?
  /// How often a set of probes was begun.
  var sets = 0
  /// How long it took where that was measured by who carried it out.
  var duration: Interval?
  private var wasReady = false
  private var output = ""

  /// Probes that were asked.
  var checks: Int { results.count { $0.isCheck } + checksOmitted }

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

  /// Takes into account what was told of the server's end by who keeps it running, which whoever
  /// put the probes could not see.
  package mutating func learn(ownExit: ExitReport?, output: String) {
    if !output.isEmpty { self.output = output }
    exit = ownExit ?? exit
    if let ownExit, !wasReady {
      hasEndedUnready = true
      failures.insert("it ended before it was ready, with \(ownExit)", at: 0)
    }
    closeBooks(ownExit: ownExit)
  }

  /// The account of a visit that did not take place.
  package static func refused(
    _ request: VisitRequest, of plan: Plan, because reason: String
  ) -> ServerVisit {
    var visit = ServerVisit(part: request.part, title: request.part.title(for: plan))
    visit.spoiledBecause = reason
    return visit
  }

  /// Makes the account shorter, and loses nothing that decides; called until it fits.
  mutating func shorten() {
    let passed = results.filter { $0.failure == nil }
    if !passed.isEmpty {
      checksOmitted += passed.count { $0.isCheck }
      results.removeAll { $0.failure == nil }
    } else if !results.isEmpty {
      // What failed stands among the failures as well.
      checksOmitted += results.count
      results = []
    } else if failures.count > 1 {
      failures.removeLast(failures.count / 2)
    } else if let longest = (failures + remarks).map(\.count).max(), longest > 64 {
      failures = failures.map { Excerpt.plain($0, limit: max(64, longest / 2)) }
      remarks = remarks.map { Excerpt.plain($0, limit: max(64, longest / 2)) }
    } else if !captures.isEmpty {
      captures = CapturedText()
      spoiledBecause =
        "the values that its probes capture are too long to be passed on; capture"
        + " shorter ones"
    }
  }
}

/// Captured values as text, which travels.
package struct CapturedText: Codable, Hashable, Sendable {
  private var text = "{}"

  package init() {}

  init(_ values: ProbeCaptures) {
    text =
      JSONValue.object(
        values.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) }
      ).text
  }

  /// The values; none where somebody wrote something else into the text.
  var values: ProbeCaptures {
    // Whoever wrote it wrote JSON.
    let members = (try? JSONValue.parse(Array(text.utf8)))?.object ?? []
    return Dictionary(members.map { ($0.name, $0.value) }) { first, _ in first }
  }

  var isEmpty: Bool { text == "{}" }
}
