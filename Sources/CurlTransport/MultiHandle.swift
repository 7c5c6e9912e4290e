import CCurl
import WindlassCore
import WindlassWire

/// The multi handle of one transport: its transfers, connections and looked-up names.
///
/// @unchecked: libcurl allows `wake` from any thread. Everything else is called by the transport's
/// own thread alone, and the last owner frees the handle, when nobody can call anything any more.
final class MultiHandle: @unchecked Sendable {
  /// libcurl's handle; for the transport's thread alone.
  let pointer: UnsafeMutableRawPointer

  /// Makes a handle that keeps a bounded number of connections.
  init() throws(HTTPError) {
    if let problem = CurlLibrary.problem { throw HTTPError(.other, "\(problem).") }
    guard let pointer = curl_multi_init() else {
      throw HTTPError(.other, "libcurl has no memory for a new set of transfers.")
    }
    self.pointer = pointer
    ccurl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, Bounds.transfersMax)
  }

  deinit { curl_multi_cleanup(pointer) }

  /// Ends the sleep of the transport's thread, or its next one.
  func wake() { curl_multi_wakeup(pointer) }
}
