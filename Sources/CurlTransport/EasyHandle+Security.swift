import CCurl
import WindlassCore
import WindlassWire

extension EasyHandle {
  /// Sets whom the request trusts, who it says it is, and which way it goes.
  func apply(_ security: HTTPSecurity) throws(HTTPError) {
    // Empty means none, whatever the environment says.
    try set(CURLOPT_PROXY, security.proxy?.reveal() ?? "")
    try set(CURLOPT_SSL_VERIFYPEER, security.verifiesServer ? 1 : 0)
    // "When the value is 0, the connection succeeds regardless of the names in the certificate."
    try set(CURLOPT_SSL_VERIFYHOST, security.verifiesServer ? 2 : 0)
    try trust(security.authorities)
    if let identity = security.identity { try show(identity) }
    guard security.multiplexes else {
      // One request at a time per connection: what a peer sends belongs to one transfer.
      return try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    }
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    // Rather wait for a connection that is being made than make another one.
    try set(CURLOPT_PIPEWAIT, 1)
  }

  private func trust(_ authorities: HTTPSecurity.Authorities) throws(HTTPError) {
    switch authorities {
    case .system: return
    case .file(let path):
      try set(CURLOPT_CAINFO, path)
      // Whoever replaces the file is believed within minutes, not after libcurl's day.
      try set(CURLOPT_CA_CACHE_TIMEOUT, 300)
    case .pem(let bytes):
      // libcurl takes an empty blob for none and would ask the system.
      guard !bytes.isEmpty else {
        throw HTTPError(
          .tlsRefused, "The certificate authority is empty; give its certificate as PEM.")
      }
      try set(CURLOPT_CAINFO_BLOB, blob: bytes)
    }
    // The system's directory of authorities would be asked as well.
    try check(ccurl_set_string(pointer, CURLOPT_CAPATH, nil))
  }

  private func show(_ identity: HTTPSecurity.Identity) throws(HTTPError) {
    try set(CURLOPT_SSLCERTTYPE, "PEM")
    try set(CURLOPT_SSLCERT_BLOB, blob: identity.certificate)
    try set(CURLOPT_SSLKEYTYPE, "PEM")
    try set(CURLOPT_SSLKEY_BLOB, blob: Array(identity.key.reveal().utf8))
  }
}
