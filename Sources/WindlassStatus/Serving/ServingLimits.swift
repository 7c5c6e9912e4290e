import NIOCore

/// What clients may cost.
package struct ServingLimits: Hashable, Sendable {
  /// Connections at once; more are closed as they come.
  package let connectionsMax: Int
  /// Bytes that may be sent on one connection.
  package let requestSizeMax: Int
  /// How long a connection may last, whatever its client does.
  let deadline: TimeAmount

  /// The usual limits: figures are asked for twice a minute, health a few times, and an answer
  /// takes milliseconds.
  package static let usual = ServingLimits(
    connectionsMax: 64, requestSizeMax: 8_192, deadlineMilliseconds: 10_000)

  /// Limits of one's own.
  package init(connectionsMax: Int, requestSizeMax: Int, deadlineMilliseconds: Int64) {
    self.connectionsMax = connectionsMax
    self.requestSizeMax = requestSizeMax
    deadline = .milliseconds(deadlineMilliseconds)
  }
}
