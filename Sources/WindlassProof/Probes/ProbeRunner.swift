package import WindlassCore
package import WindlassWire

/// Puts a release's probes to one server and judges the replies.
///
/// It keeps nothing between calls, so one runner serves rehearsals and live canaries alike.
package struct ProbeRunner: Sendable {
  /// The template name whose value differs in every round of a rehearsal, so that a probe may
  /// create the same kind of object again and again: `{"key": "probe-{unique}"}`.
  package static let uniqueName = "unique"

  let transport: any HTTPTransport
  let configuration: ProbeConfiguration
  let clock: ProofClock

  package init(
    transport: any HTTPTransport, configuration: ProbeConfiguration = ProbeConfiguration(),
    clock: ProofClock = ProofClock(ContinuousClock())
  ) {
    self.transport = transport
    self.configuration = configuration
    self.clock = clock
  }

  /// Asks the probes in their order, each reply's captures serving those after it.
  ///
  /// A probe whose captured value is missing because an earlier probe failed is skipped, so that
  /// one cause makes one failure. After a probe without any reply the rest is not asked.
  ///
  /// - Throws: `StepFailure` with `.retry` when the task is cancelled.
  package func run(
    _ probes: [Probe], against baseURL: String, captures: ProbeCaptures = [:]
  ) async throws(StepFailure) -> ProbeSetResult {
    var set = ProbeSetResult(captures: captures)
    var lost: Set<String> = []
    for probe in probes.prefix(Bounds.probesMax) {
      let exchange = try await ask(probe, against: baseURL, with: set.captures, lost: lost)
      set.results.append(exchange.result)
      set.captures.merge(exchange.captured) { $1 }
      lost.formUnion(probe.captures.keys.filter { set.captures[$0] == nil })
      guard exchange.hasReply else { break }
    }
    return set
  }

  /// Asks a live instance those probes that are marked safe and need nothing from the others.
  ///
  /// - Returns: What failed first, as a sentence; nil when nothing did. An instance whose release
  ///   has no such probe has nothing to answer, and nil comes back.
  package func runSafe(
    _ probes: [Probe], against baseURL: String
  ) async throws(StepFailure) -> String? {
    let safe = probes.filter(\.isSafe)
    let captured = Set(safe.flatMap(\.captures.keys))
    let answerable = safe.filter { captured.isSuperset(of: $0.templateNames) }
    return try await run(answerable, against: baseURL).failures.first
  }

  private func ask(
    _ probe: Probe, against baseURL: String, with captures: ProbeCaptures, lost: Set<String>
  ) async throws(StepFailure) -> ProbeExchange {
    let question: ProbeQuestion
    do {
      question = try ProbeQuestion(probe, captures: captures)
    } catch {
      return .unasked(probe, because: error, isLost: lost.contains(error.missingName ?? ""))
    }
    let start = clock.elapsed()
    let reply = try await reply(
      to: question.request(to: baseURL), within: configuration.probeDeadline)
    let spent = clock.elapsed(since: start)
    return question.judge(reply, after: spent)
  }

  /// Sends the request; a transport's failure is an answer of its own, but a cancelled task is not.
  func reply(
    to request: HTTPRequest, within deadline: Interval
  ) async throws(StepFailure) -> Result<HTTPResponse, HTTPError> {
    guard !Task.isCancelled else { throw .cancelled }
    let limits = HTTPLimits(
      bodySizeMax: Bounds.probeReplySizeMax, deadline: deadline, reach: configuration.reach,
      keepsConnection: false)
    do {
      return .success(try await transport.send(request, limits: limits))
    } catch {
      guard error.code != .cancelled else { throw .cancelled }
      return .failure(error)
    }
  }
}

extension StepFailure {
  /// The task that asked for a proof was cancelled; asking again is harmless.
  static let cancelled = StepFailure(
    code: "RehearsalCancelled", disposition: .retry,
    message: "the rehearsal was cancelled before it had a verdict; it can be repeated")
}

extension Probe {
  /// The names that the probe takes from earlier ones.
  var templateNames: Set<String> {
    var names = Set(ProbeTemplate.names(in: path) + ProbeTemplate.names(in: body ?? ""))
    for text in expectedValues.values { names.formUnion(ProbeTemplate.names(in: text)) }
    return names
  }

  /// Whether asking it again on the same copy is expected to change nothing: a reading method, or
  /// marked as safe for live instances.
  var isReading: Bool { isSafe || ["GET", "HEAD", "OPTIONS"].contains(method.uppercased()) }
}
