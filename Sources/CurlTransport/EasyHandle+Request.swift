import CCurl
import Glibc
import WindlassCore
import WindlassWire

extension EasyHandle {
  /// Makes the handle ready for the present hop of a transfer.
  ///
  /// The transfer must outlive the handle's use: the callbacks point to it without owning it.
  func prepare(
    for transfer: Transfer, remaining: Interval, security: HTTPSecurity
  ) throws(HTTPError) {
    try restrict()
    try apply(security)
    try limit(transfer.order.limits, remaining: remaining)
    try connectCallbacks(to: transfer)
    try set(CURLOPT_URL, transfer.url.text)
    try describe(transfer.request, keepsConnection: transfer.order.limits.keepsConnection)
  }

  /// Switches off what libcurl would do by itself, on the caller's behalf or the environment's.
  private func restrict() throws(HTTPError) {
    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_REDIR_PROTOCOLS_STR, "https")
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    try set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
    // Empty means none, whatever the environment says.
    try set(CURLOPT_PROXY, "")
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_HTTP09_ALLOWED, 0)
    // Otherwise a transfer that ends while its name is looked up would block all the others.
    try set(CURLOPT_QUICK_EXIT, 1)
    // A peer that vanished without a word is noticed within two minutes, however long a reply
    // lasts.
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_TCP_KEEPIDLE, 30)
    try set(CURLOPT_TCP_KEEPINTVL, 10)
  }

  private func limit(_ limits: HTTPLimits, remaining: Interval) throws(HTTPError) {
    let patience = max(remaining, .milliseconds(1))
    try set(CURLOPT_TIMEOUT_MS, Int(patience.milliseconds))
    try set(CURLOPT_CONNECTTIMEOUT_MS, Int(min(patience, Bounds.connectTimeout).milliseconds))
    try set(CURLOPT_MAXAGE_CONN, Int(Bounds.connectionIdleMax.milliseconds / 1_000))
    try set(CURLOPT_MAXLIFETIME_CONN, Int(Bounds.connectionLifetimeMax.milliseconds / 1_000))
    if let silence = limits.silenceMax {
      try set(CURLOPT_LOW_SPEED_LIMIT, 1)
      try set(CURLOPT_LOW_SPEED_TIME, max(1, Int(silence.milliseconds / 1_000)))
    }
  }

  private func connectCallbacks(to transfer: Transfer) throws(HTTPError) {
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    try check(ccurl_set_write(pointer, receiveBody, context))
    try check(ccurl_set_header(pointer, receiveHeader, context))
    try check(ccurl_set_opensocket(pointer, openSocket, context))
    try check(ccurl_set_prerequest(pointer, approveConnection, context))
    try check(ccurl_set_pointer(pointer, CURLOPT_PRIVATE, context))
  }

  private func describe(_ request: HTTPRequest, keepsConnection: Bool) throws(HTTPError) {
    try set(CURLOPT_USERAGENT, "windlass")
    // libcurl waits a second for a "100 Continue" that few servers send.
    var lines = ["Expect:"]
    if !keepsConnection {
      try set(CURLOPT_FORBID_REUSE, 1)
      lines.append("Connection: close")
    }
    if let body = request.body {
      try set(CURLOPT_POST, 1)
      try setBody(body)
      if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
        lines.append("Content-Type:")
      }
    } else if request.method == "HEAD" {
      try set(CURLOPT_NOBODY, 1)
    } else if request.method == "POST" || request.method == "PUT" || request.method == "PATCH" {
      try set(CURLOPT_POST, 1)
      try setBody([])
      lines.append("Content-Type:")
    }
    if request.method != "GET" || request.body != nil {
      try set(CURLOPT_CUSTOMREQUEST, request.method)
    }
    // libcurl's way to write a header without a value is a semicolon.
    lines += request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
    try setHeaders(lines)
  }
}

/// The transfer that a callback belongs to.
///
/// It is alive: the pool keeps it for as long as libcurl knows the handle.
private func transfer(_ context: UnsafeMutableRawPointer) -> Transfer {
  Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}

/// `CURLOPT_WRITEFUNCTION`: any other count than the one given stops the transfer.
private func receiveBody(
  bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
  return transfer(context).receive(body: piece) ? piece.count : Int(CURL_WRITEFUNC_ERROR)
}

/// `CURLOPT_HEADERFUNCTION`: one line at a time, with the same rule.
private func receiveHeader(
  bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
  return transfer(context).receive(header: line) ? line.count : Int(CURL_WRITEFUNC_ERROR)
}

/// `CURLOPT_OPENSOCKETFUNCTION`: called for each resolved address before a connection is made.
private func openSocket(
  context: UnsafeMutableRawPointer?, purpose: curlsocktype,
  address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
  guard let context, let address else { return -1 }
  return transfer(context).openSocket(for: address)
}

/// `CURLOPT_PREREQFUNCTION`: called when the connection stands, new or reused, before the request.
private func approveConnection(
  context: UnsafeMutableRawPointer?, peer: UnsafeMutablePointer<CChar>?,
  local: UnsafeMutablePointer<CChar>?, peerPort: Int32, localPort: Int32
) -> Int32 {
  guard let context, let peer else { return CURL_PREREQFUNC_ABORT }
  return transfer(context).mayUse(connectionTo: String(cString: peer))
    ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}
