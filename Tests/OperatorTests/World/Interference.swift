import WindlassCore

/// What goes wrong between operators and their server in a world; by default nothing.
///
/// The closures are asked in the order in which things take place, return at once, and may kill or
/// freeze the operator that they are handed.
struct Interference: Sendable {
  /// What becomes of a request that is about to be sent.
  enum RequestFate: Sendable { case arrives, isLost }
  /// What becomes of the answer to a request that the server has carried out.
  enum ReplyFate: Sendable { case arrives, isLost }
  /// What becomes of an event of a watch.
  enum EventFate: Sendable {
    case arrives, isSkipped
    /// It comes so much later, and so does all that the same watch tells behind it.
    case isLate(Interval)
  }

  var request: @Sendable (SeenRequest, OperatorProcess) -> RequestFate = { _, _ in .arrives }
  var reply: @Sendable (SeenRequest, OperatorProcess) -> ReplyFate = { _, _ in .arrives }
  var event: @Sendable (SeenEvent, OperatorProcess) -> EventFate = { _, _ in .arrives }
}
