import CLinux
import Glibc
import WindlassCore

/// The host's time, held so that it never goes back: the later of the wall clock and the latest
/// journaled time when the daemon starts, and from there the time since boot.
struct SystemClock: RunClock {
  private let base: Timestamp
  private let baseUptime: Int64

  /// Starts at the later of the host's clock and `floor`.
  init(floor: Timestamp?) {
    let wall = Timestamp(milliseconds: Self.read(CLOCK_REALTIME))
    base = max(wall, floor ?? wall)
    baseUptime = Self.read(CLOCK_BOOTTIME)
  }

  func now() -> Timestamp {
    base + Interval(milliseconds: Self.read(CLOCK_BOOTTIME) - baseUptime)
  }

  func sleep(until time: Timestamp) async {
    let left = time - now()
    guard left > .zero else { return }
    // A cancelled sleep returns early, which is what the caller asked for.
    try? await Task.sleep(for: .milliseconds(left.milliseconds))
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    clinux_milliseconds(clock)
  }
}
