import CCurl
import WindlassWire

/// One easy handle of libcurl with the memory that it points to, freed together.
final class EasyHandle {
  /// libcurl's handle.
  let pointer: UnsafeMutableRawPointer
  private let errorText: UnsafeMutablePointer<CChar>
  private var headers: UnsafeMutablePointer<curl_slist>?

  /// Makes a handle with libcurl's defaults.
  init() throws(HTTPError) {
    guard let pointer = curl_easy_init() else {
      throw HTTPError(.other, "libcurl could not allocate memory for a request.")
    }
    self.pointer = pointer
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    try noteErrors()
  }

  /// Gives the handle libcurl's defaults again: nothing of the request that it carried is left.
  ///
  /// No pool may have it. Connections are the pool's and stay.
  func reset() throws(HTTPError) {
    curl_easy_reset(pointer)
    curl_slist_free_all(headers)
    headers = nil
    errorText[0] = 0
    try noteErrors()
  }

  private func noteErrors() throws(HTTPError) {
    try check(ccurl_set_pointer(pointer, CURLOPT_ERRORBUFFER, errorText))
  }

  deinit {
    // "Do not free the list nor the error buffer until you are done with the handle", as the
    // manual has it: the handle goes first.
    curl_easy_cleanup(pointer)
    curl_slist_free_all(headers)
    errorText.deallocate()
  }

  /// What libcurl says about the failure; empty when it says nothing.
  var errorMessage: String { String(cString: errorText) }

  /// Sets a number or a switch.
  func set(_ option: CURLoption, _ value: Int) throws(HTTPError) {
    try check(ccurl_set_long(pointer, option, value))
  }

  /// Sets a text, which libcurl copies.
  func set(_ option: CURLoption, _ value: String) throws(HTTPError) {
    try check(ccurl_set_string(pointer, option, value))
  }

  /// Sets the bytes to send, which libcurl copies.
  func setBody(_ bytes: [UInt8]) throws(HTTPError) {
    try check(bytes.withUnsafeBytes { ccurl_set_body(pointer, $0.baseAddress, Int($0.count)) })
  }

  /// Sets bytes for an option that would else name a file; libcurl copies them.
  func set(_ option: CURLoption, blob bytes: [UInt8]) throws(HTTPError) {
    try check(
      bytes.withUnsafeBytes { ccurl_set_blob(pointer, option, $0.baseAddress, $0.count) })
  }

  /// Sets the header lines.
  func setHeaders(_ lines: [String]) throws(HTTPError) {
    for line in lines {
      guard let longer = curl_slist_append(headers, line) else {
        throw HTTPError(.other, "libcurl could not allocate memory for a header.")
      }
      headers = longer
    }
    try check(ccurl_set_list(pointer, CURLOPT_HTTPHEADER, headers))
  }

  /// Passes on libcurl's refusal of an option: a request without one of them is not sent.
  func check(_ code: CURLcode) throws(HTTPError) {
    guard code != CURLE_OK else { return }
    throw HTTPError(
      .other,
      "libcurl refused an option (\(String(cString: curl_easy_strerror(code)))); "
        + "Windlass needs libcurl 7.87 or newer.")
  }
}
