import CLinux
import CSodium
import CurlTransport
import Glibc

/// What has to happen once, before any thread exists.
enum ProcessSetUp {
  /// Prepares the process: a write to a closed pipe or beyond the limit of a file's size becomes an
  /// error, no core is written, the environment is made safe for libcurl, and libsodium is
  /// initialised (it may not be first used from two threads at once).
  ///
  /// Children inherit ignored signals; whoever starts one sets them back.
  static func perform() throws(CommandFailure) {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    // It can only fail on a kernel without the call, where nothing else could be done either.
    clinux_forbid_core()
    // Whatever is busy here waits for others: two pools serve it, where sixteen would keep holes.
    _ = clinux_bound_pools(2)
    CurlLibrary.prepare()
    // The manual: 0 on success, 1 when initialised already, -1 on failure.
    guard sodium_init() >= 0 else {
      throw CommandFailure(
        .failed, "SetUpFailed",
        "libsodium can't be initialised. Check that /dev/urandom can be read by this user.")
    }
  }
}
