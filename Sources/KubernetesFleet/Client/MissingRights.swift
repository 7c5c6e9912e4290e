import Synchronization
import WindlassCore

/// What a server refuses to the user of its clients for want of a right, told once when it turns
/// out and once when the right is there.
///
/// Many requests have nobody who would tell of their failure: those of watches, of the Lease, of
/// Events, of tidying. So it is told here, where all answers come by.
package final class MissingRights: Sendable {
  /// What there is to tell.
  package enum News: Sendable {
    /// A request was refused; the error names the right as well.
    case missing(AccessRight, APIError)
    /// A request that needs the right was carried out.
    case granted(AccessRight)
  }

  /// How long nothing is told of a right that comes and goes: a quota or an admission policy, too,
  /// refuses some requests and lets others of the same right through.
  private static let quietInterval = Interval.minutes(10)

  private struct State {
    /// Those that were told to be missing, and were not told to be there since.
    var missing: Set<AccessRight> = []
    var toldAt: [AccessRight: Timestamp] = [:]
  }

  private let state = Mutex(State())
  private let tell: @Sendable (News) -> Void

  /// - Parameter tell: Must return at once, as a log does.
  package init(_ tell: @escaping @Sendable (News) -> Void) { self.tell = tell }

  /// Takes in what came of a request; `error` is nil for one that was carried out.
  func note(_ right: AccessRight, _ error: APIError?, at now: Timestamp) {
    let news = state.withLock { state -> News? in
      guard let error else { return state.missing.remove(right).map { .granted($0) } }
      guard error.code == .forbidden else { return nil }
      if let toldAt = state.toldAt[right], now - toldAt < Self.quietInterval { return nil }
      state.toldAt[right] = now
      state.missing.insert(right)
      return .missing(right, error)
    }
    if let news { tell(news) }
  }
}
