/// One turn that the tasks of an actor take one after another.
///
/// An actor lets others in wherever it waits. What must not be begun by one while another is
/// between its first and its last step takes the turn first, and passes it on in a `defer`. It
/// belongs to the actor that keeps it, and nobody else may have it.
public final class ActorTurn {
  private var isTaken = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  public init() {}

  /// Waits until nobody else has the turn; it is then the caller's, also if its task is cancelled.
  public func take(isolation: isolated (any Actor)? = #isolation) async {
    guard isTaken else {
      isTaken = true
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  /// Gives the turn to who waits longest.
  public func pass() {
    guard !waiting.isEmpty else {
      isTaken = false
      return
    }
    waiting.removeFirst().resume()
  }
}
