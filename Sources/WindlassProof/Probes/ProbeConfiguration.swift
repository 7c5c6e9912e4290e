package import WindlassCore
package import WindlassWire

/// How probes are put to a server.
package struct ProbeConfiguration: Hashable, Sendable {
  /// The path that answers with a 2xx status once the server may be asked.
  package var readinessPath: String
  /// The most that a server may take to become ready.
  package var readinessDeadline: Interval
  /// The pause between two questions for readiness.
  package var readinessPause: Interval
  /// The most that one reply may take.
  package var probeDeadline: Interval
  /// Which addresses a server may have.
  package var reach: HTTPReach

  package init(
    readinessPath: String = "/healthz",
    readinessDeadline: Interval = Bounds.rehearsalReadinessDeadline,
    readinessPause: Interval = Bounds.rehearsalReadinessPause,
    probeDeadline: Interval = Bounds.probeDeadline, reach: HTTPReach = .loopbackOnly
  ) {
    self.readinessPath = readinessPath
    self.readinessDeadline = readinessDeadline
    self.readinessPause = readinessPause
    self.probeDeadline = probeDeadline
    self.reach = reach
  }
}
