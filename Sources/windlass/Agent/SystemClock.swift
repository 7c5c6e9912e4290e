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
    guard time > now() else { return }
    // Both count from the start of the machine. Who sleeps until the same time wakes at the same
    // moment, which a rest that is reckoned anew each time would not do.
    let sinceBoot = baseUptime + (time - base).milliseconds
    let moment = ContinuousClock().systemEpoch.advanced(by: .milliseconds(sinceBoot))
    // A cancelled sleep returns early, which is what the caller asked for.
    try? await Task.sleep(until: moment, clock: .continuous)
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    clinux_milliseconds(clock)
  }
}
