import Glibc
import WindlassCore

/// The time since the machine started, also while it slept: comparable between processes of one
/// boot, and nothing sets it.
enum MonotonicClock {
  /// Milliseconds since the machine started.
  static func milliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
