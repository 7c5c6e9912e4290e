import KubernetesFleet
import Synchronization
import WindlassCore
import WindlassStatus

/// Counts what the operator does, and notes that its loops turn.
final class OperatorRecorder: ClusterRecorder {
  /// The loop of the one that drives all services, while the process leads.
  static let host = "services"
  static let election = "\(ClusterLoop.election)"

  /// A candidate asks every two seconds, and no answer, plug-in or pause is waited for longer than
  /// a minute. Whoever has lost the right has five seconds to end everything.
  private static let electionSilenceMax = Interval.minutes(3)
  /// A watch that says nothing is ended after minutes; the pages of a long list take some more.
  private static let informerSilenceMax = Interval.minutes(15)
  /// It looks up once a minute when nothing changes.
  private static let hostSilenceMax = Interval.minutes(5)

  private struct State: Sendable {
    var figures = OperatorFigures()
    var heartbeats = Heartbeats()
  }

  private let clock: any RunClock
  private let state = Mutex(State())

  init(clock: any RunClock) { self.clock = clock }

  // MARK: - What happens

  func requestEnded(_ verb: RequestVerb, status: Int?, after duration: Interval) {
    state.withLock { $0.figures.requestEnded(verb, status: status, after: duration) }
  }

  func watchBegins(of type: KubernetesFleet.ResourceType, isFirst: Bool) {
    state.withLock { $0.figures.watchBegins(of: type, isFirst: isFirst) }
  }

  func leaseRenewed() { state.withLock { $0.figures.leaseRenewed() } }

  func turned(_ loop: ClusterLoop) {
    switch loop {
    case .election: turned(Self.election, Self.electionSilenceMax)
    case .informer: turned("\(loop)", Self.informerSilenceMax)
    }
  }

  /// Notes that the one that drives all services has taken a turn.
  func hostTurned() { turned(Self.host, Self.hostSilenceMax) }

  /// Notes that it has ended, as it should when the process leads no more.
  func hostEnded() { state.withLock { $0.heartbeats.end(Self.host) } }

  /// Counts a run that has ended.
  func runEnded(_ end: RunEnd) { state.withLock { $0.figures.runEnded(end) } }

  private func turned(_ loop: String, _ silenceMax: Interval) {
    let now = clock.now()
    state.withLock { $0.heartbeats.turn(loop, at: now, silenceMax: silenceMax) }
  }

  // MARK: - What is told

  /// Whether the loops that have begun go on.
  var liveness: HealthReport {
    state.withLock(\.heartbeats).report(at: clock.now())
  }

  /// Whether the process stands for election.
  var candidacy: HealthReport.Check {
    state.withLock(\.heartbeats).check(Self.election, at: clock.now())
  }

  var families: [MetricFamily] { state.withLock(\.figures).families }
}
