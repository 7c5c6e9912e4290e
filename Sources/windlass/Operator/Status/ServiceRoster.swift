import KubernetesFleet
import Synchronization
import WindlassCore
import WindlassStatus

/// What the process drives while it leads, for whoever counts it; nothing while it does not.
final class ServiceRoster: Sendable {
  private struct Watch: Sendable {
    var turns: RunTurns
    /// Until when all of this counts.
    var right: Leadership
    /// Nil before it is known which services there are.
    var drives: [ServiceDrive]?
  }

  private let watch = Mutex<Watch?>(nil)

  /// Notes that the process leads, by that right, and who takes turns.
  func begin(_ turns: RunTurns, _ right: Leadership) {
    watch.withLock { $0 = Watch(turns: turns, right: right) }
  }

  /// Says which services there are.
  func show(_ drives: some Sequence<ServiceDrive>) {
    let drives = Array(drives)
    watch.withLock { $0?.drives = drives }
  }

  /// Notes that the process leads no more.
  func end() { watch.withLock { $0 = nil } }

  /// Whether the process leads at this moment.
  var leads: Bool { watch.withLock { $0 }?.right.holds ?? false }

  /// What is done for each service; nil while that is not known, as it is not by who does not lead.
  var drives: [ServiceDrive]? { watch.withLock { $0?.drives } }

  /// The figures of all services, and of the work that they wait for.
  func families(at now: Timestamp) -> [MetricFamily] {
    let watch = watch.withLock { $0 }
    let services = (watch?.drives ?? []).map { $0.figures(at: now) }
    return ServiceFigures.families(services) + [
      .gauge(
        "windlass_work_waiting", "Services that have something to do, and wait for their turn.",
        Double(watch?.turns.waitingCount ?? 0)),
      .gauge(
        "windlass_work_running", "Services that are at work.",
        Double(watch?.turns.workingCount ?? 0)),
    ]
  }
}
