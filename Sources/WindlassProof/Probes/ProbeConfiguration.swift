package import WindlassCore
package import WindlassWire

/// How probes are put to a server.
package struct ProbeConfiguration: Hashable, Sendable {
  /// The path that answers with a 2xx status once the server may be asked.
  package var readinessPath: String
  /// The most that a server may take to become ready.
  package var readinessDeadline: Interval
  /// The most that one answer about readiness may take; a connection that waits in a listener's
  /// queue gets none while no server accepts.
  package var readinessTimeout: Interval
  /// The pause between two questions for readiness.
  package var readinessPause: Interval
  /// The most that one reply may take.
  package var probeDeadline: Interval
  /// Which addresses a server may have.
  package var reach: HTTPReach

  package init(
    readinessPath: String = "/healthz",
    readinessDeadline: Interval = Bounds.rehearsalReadinessDeadline,
    readinessTimeout: Interval = Bounds.probeTimeout,
    readinessPause: Interval = Bounds.rehearsalReadinessPause,
    probeDeadline: Interval = Bounds.probeDeadline, reach: HTTPReach = .loopbackOnly
  ) {
    self.readinessPath = readinessPath
    self.readinessDeadline = readinessDeadline
    self.readinessTimeout = readinessTimeout
    self.readinessPause = readinessPause
    self.probeDeadline = probeDeadline
    self.reach = reach
  }
}
