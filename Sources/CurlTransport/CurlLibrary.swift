import CCurl
import Glibc
import WindlassWire

/// libcurl's process-wide state.
package enum CurlLibrary {
  /// Makes the environment safe for libcurl, which is loaded when the first transport is made.
  ///
  /// Call it early from `main`, before other threads read the environment: libcurl would write TLS
  /// secrets to the file that `SSLKEYLOGFILE` names, so the variable is removed.
  package static func prepare() { unsetenv("SSLKEYLOGFILE") }

  /// Why libcurl can't work here; nil when it can. Loads it, once per process.
  static let problem: String? = {
    prepare()
    if let reason = ccurl_load() {
      return "libcurl can't be loaded (\(String(cString: reason))); install the Debian package"
        + " libcurl4"
    }
    // Safe from any thread since libcurl 7.84, and the `let` lets only one in.
    return curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
      ? nil : "libcurl can't be initialised; check the Debian package libcurl4"
  }()
}
