package import WindlassWire

/// Carries HTTP requests by libcurl: one thread and one pool of connections for all of them.
///
/// Make one per process. Requests to one host share at most `Bounds.transfersPerHostMax`
/// connections, all requests together `Bounds.transfersMax`; the others wait within their deadline.
/// Bodies are counted as they arrive and are never unpacked; `.netrc`, cookies and the
/// environment's proxies are ignored. Redirects are followed only as far as the limits say, never
/// from https to http, never into another inner network, and with harmless headers alone when the
/// origin changes.
package final class CurlTransport: HTTPTransport {
  private let thread: CurlThread

  /// Starts the transport.
  ///
  /// - Parameter certificateAuthorities: a PEM file of the authorities to trust instead of the
  ///   system's.
  package convenience init(certificateAuthorities: String? = nil) throws(HTTPError) {
    try self.init(
      security: HTTPSecurity(
        authorities: certificateAuthorities.map { .file($0) } ?? .system))
  }

  /// Starts a transport that trusts, and shows, what it is given.
  package init(security: HTTPSecurity) throws(HTTPError) {
    thread = try CurlThread(security: security)
  }

  deinit { thread.stop() }

  /// Sends the request and collects the whole reply, whatever its status.
  package func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    try await thread.perform(TransferOrder(request: request, limits: limits, sink: nil))
  }

  /// Sends the request and hands the body to `sink` piece by piece, whatever the reply's status.
  ///
  /// The sink runs on the transport's thread, which carries everybody's transfers: it must not
  /// block for longer than a write to a file takes, and throws when it can't keep up.
  package func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await thread.perform(TransferOrder(request: request, limits: limits, sink: sink))
  }
}
