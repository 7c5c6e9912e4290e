import CLinux
import Glibc

/// The time since the machine started, also while it slept: comparable between processes of one
/// boot, and nothing sets it.
enum MonotonicClock {
  /// Milliseconds since the machine started.
  static func milliseconds() -> Int64 {
    clinux_milliseconds(CLOCK_BOOTTIME)
  }
}
