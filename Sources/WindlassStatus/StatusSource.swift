/// Knows how a daemon is: what stands between it and whoever asks.
package protocol StatusSource: Sendable {
  /// Whether it lives: what its work rests on goes on, whatever it can reach.
  ///
  /// A daemon that does not is to be started anew.
  func liveness() async -> HealthReport

  /// Whether it does its work, or would at once if it were its turn.
  func readiness() async -> HealthReport

  /// Its figures as they are now.
  func metrics() async -> [MetricFamily]

  /// Whether whoever owns a roll may start an instance, or has to take some back.
  ///
  /// What is not known is answered as a gate that is closed.
  func gate(_ question: GateQuestion) async -> GateAnswer
}
