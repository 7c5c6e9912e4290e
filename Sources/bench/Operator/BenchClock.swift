import Glibc
import WindlassCore

/// The machine's time.
struct BenchClock: RunClock {
  func now() -> Timestamp {
    var now = timeval()
    gettimeofday(&now, nil)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1_000 + Int64(now.tv_usec) / 1_000)
  }

  func sleep(until time: Timestamp) async {
    let rest = (time - now()).milliseconds
    guard rest > 0 else { return }
    // Cancellation ends the sleep, which is all that it should do.
    try? await Task.sleep(for: .milliseconds(rest))
  }
}
