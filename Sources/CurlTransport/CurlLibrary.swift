import CCurl
import Glibc
import WindlassWire

/// libcurl's process-wide state.
package enum CurlLibrary {
  /// Prepares libcurl, once per process; false when it can't work here.
  ///
  /// Call it early from `main`, before other threads read the environment: libcurl would write TLS
  /// secrets to the file that `SSLKEYLOGFILE` names, so the variable is removed first.
  @discardableResult
  package static func prepare() -> Bool { isReady }

  private static let isReady: Bool = {
    unsetenv("SSLKEYLOGFILE")
    return curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
  }()
}
