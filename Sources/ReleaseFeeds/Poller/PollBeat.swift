package import WindlassCore

/// The moments at which the polls of many services begin: those that are due within one period
/// begin together at its end, so that the process wakes once for all of them.
package struct PollBeat: Hashable, Sendable {
  /// From one moment to the next.
  package static let period = Interval.seconds(1)
  /// Shorter waits than this are left as they are: a period would change them by more than the
  /// tenth by which polls differ anyway.
  private static let waitMin = period * 10

  /// How far the moments lie behind whole periods, from zero to less than one period. Each process
  /// has its own, or all of them would ask at the same moment.
  private let offset: Interval

  /// - Parameter fraction: How far the moments lie behind whole periods, from 0 to less than 1.
  package init(at fraction: Double) {
    offset = .milliseconds(Int64(fraction * Double(PollBeat.period.milliseconds)))
  }

  /// When a poll begins that is due after that wait: at the next moment from then on.
  package func begin(after wait: Interval, from now: Timestamp) -> Timestamp {
    let due = now + wait
    guard wait >= PollBeat.waitMin else { return due }
    let period = PollBeat.period.milliseconds
    let behind = (due.milliseconds - offset.milliseconds) % period
    return behind == 0 ? due : due + .milliseconds(period - behind)
  }
}
