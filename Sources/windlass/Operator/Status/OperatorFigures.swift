import KubernetesFleet
import WindlassCore
import WindlassStatus

/// What an operator has counted since it was started.
///
/// Pure. There are as many figures as there are words for what is counted, however long it runs.
struct OperatorFigures: Hashable, Sendable {
  /// A kind of request, and what came of it.
  private struct RequestOutcome: Hashable, Sendable {
    var verb: RequestVerb
    /// Nil when there was no answer.
    var status: Int?
  }

  private static let requestBounds: [Double] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  ]
  /// From half a minute to a week.
  private static let runBounds: [Double] = [
    30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 604_800,
  ]

  private var requests: [RequestOutcome: Int] = [:]
  private var requestDurations: [RequestVerb: Histogram] = [:]
  private var watchRestarts: [String: Int] = [:]
  private var renewals = 0
  private var runs: [Ending: Int]
  private var runDurations: [Ending: Histogram]

  init() {
    runs = Dictionary(uniqueKeysWithValues: Ending.each.map { ($0, 0) })
    runDurations = runs.mapValues { _ in Histogram(bounds: Self.runBounds) }
  }

  // MARK: - What is counted

  /// Counts a request that has ended.
  mutating func requestEnded(_ verb: RequestVerb, status: Int?, after duration: Interval) {
    let known = status.flatMap { (100...599).contains($0) ? $0 : nil }
    requests[RequestOutcome(verb: verb, status: known), default: 0] += 1
    // A watch lasts for as long as it is wanted, which says nothing of the server.
    guard verb != .watch else { return }
    requestDurations[verb, default: Histogram(bounds: Self.requestBounds)]
      .observe(duration.inSeconds)
  }

  /// Counts a watch that is begun anew.
  mutating func watchBegins(of type: KubernetesFleet.ResourceType, isFirst: Bool) {
    watchRestarts[type.display, default: 0] += isFirst ? 0 : 1
  }

  mutating func leaseRenewed() { renewals += 1 }

  /// Counts a run that has ended.
  mutating func runEnded(_ end: RunEnd) {
    runs[end.ending, default: 0] += 1
    if let duration = end.duration { runDurations[end.ending]?.observe(duration.inSeconds) }
  }

  // MARK: - What it comes to

  /// Everything that was counted, always in the same order.
  var families: [MetricFamily] { requestFamilies + runFamilies }

  private var requestFamilies: [MetricFamily] {
    let counts = requests.map { outcome, count in
      let labels: MetricLabels = [
        "verb": outcome.verb.rawValue, "code": outcome.status.map { "\($0)" } ?? "error",
      ]
      return MetricSample(labels, Double(count))
    }
    let durations = requestDurations.map { verb, histogram in
      MetricSample(["verb": verb.rawValue], histogram)
    }
    let restarts = watchRestarts.map { resource, count in
      MetricSample(["resource": resource], Double(count))
    }
    return [
      MetricFamily(
        "windlass_requests_total",
        "Requests to the API server that have ended, by verb and by the status of the answer, "
          + "or error where none came.",
        .counter(counts.sortedByLabels())),
      MetricFamily(
        "windlass_request_duration_seconds",
        "How long the API server took for one attempt of a request; watches are left out.",
        .histogram(durations.sortedByLabels())),
      MetricFamily(
        "windlass_watch_restarts_total",
        "Watches that were begun anew, by what they follow.", .counter(restarts.sortedByLabels())),
      .counter(
        "windlass_lease_renewals_total", "Renewals of the Lease by this process.",
        Double(renewals)),
    ]
  }

  private var runFamilies: [MetricFamily] {
    [
      MetricFamily(
        "windlass_runs_total", "Runs that ended while this process led, by how.",
        .counter(Ending.each.map { MetricSample($0.labels, Double(runs[$0] ?? 0)) })),
      MetricFamily(
        "windlass_run_duration_seconds",
        "How long runs were open, of those that this process saw open.",
        .histogram(
          Ending.each.compactMap { ending in
            runDurations[ending].map { MetricSample(ending.labels, $0) }
          })),
    ]
  }
}

extension Ending {
  /// Each way in which a run ends.
  fileprivate static let each: [Ending] = [.completed, .rolledBack, .refused]

  fileprivate var labels: MetricLabels {
    switch self {
    case .completed: ["outcome": "completed"]
    case .rolledBack: ["outcome": "rolled_back"]
    case .refused: ["outcome": "refused"]
    }
  }
}

extension Interval {
  /// The length in seconds.
  fileprivate var inSeconds: Double { Double(milliseconds) / 1_000 }
}

extension Array {
  /// Samples by the values of their labels.
  fileprivate func sortedByLabels<Value: Hashable & Sendable>() -> [MetricSample<Value>]
  where Element == MetricSample<Value> {
    sorted { left, right in
      left.labels.pairs.map(\.value).lexicographicallyPrecedes(right.labels.pairs.map(\.value))
    }
  }
}
