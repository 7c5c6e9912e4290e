/// Where a test may break a run: before an effect, between effect and outcome, after the outcome.
package enum FailpointMoment: String, Sendable, CaseIterable {
  /// The intent is durable, the effect has not begun.
  case before
  /// The effect took place, its outcome is not durable.
  case after
  /// The outcome is durable.
  case settled
}

/// What happens at a failpoint.
package enum FailpointVerdict: Sendable {
  case pass
  /// The effect's reply is thrown away, as if the connection had broken.
  case loseReply
}

/// Asked at each failpoint, by the name of the effect; production passes every time.
package typealias Failpoint = @Sendable (String, FailpointMoment) -> FailpointVerdict
