/// A service's state that several keep, by reference: it is some kilobytes large, and is kept for
/// as long as the service rests.
public final class SharedState: Hashable, Sendable {
  public let state: ServiceState

  /// A state to be shared as it is.
  public init(_ state: ServiceState) { self.state = state }

  public static func == (one: SharedState, other: SharedState) -> Bool {
    one === other || one.state == other.state
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(state) }
}
