import Glibc
package import WindlassCore

/// The machine's time: the date at the start, and from there the monotonic clock.
package struct HostClock: RunClock {
  private let start: Timestamp
  private let began = ContinuousClock.now

  package init() {
    var now = timeval()
    gettimeofday(&now, nil)
    start = Timestamp(
      milliseconds: Int64(now.tv_sec) * 1_000 + Int64(now.tv_usec) / 1_000)
  }

  package func now() -> Timestamp {
    let (seconds, attoseconds) = (ContinuousClock.now - began).components
    return start + .milliseconds(seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }

  package func sleep(until time: Timestamp) async {
    let rest = (time - now()).milliseconds
    guard rest > 0 else { return }
    // Cancellation ends the sleep, which is all that it should do.
    try? await Task.sleep(for: .milliseconds(rest))
  }
}
