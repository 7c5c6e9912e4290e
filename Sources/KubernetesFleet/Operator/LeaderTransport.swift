import WindlassCore
package import WindlassWire

/// Carries a leader's requests: once the right has ended nothing that changes anything goes out,
/// whoever asks for it.
package struct LeaderTransport: HTTPTransport {
  private let carrier: any HTTPTransport
  private let right: Leadership

  /// Requests of whoever holds that right.
  package init(_ carrier: any HTTPTransport, while right: Leadership) {
    self.carrier = carrier
    self.right = right
  }

  package func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    try check(request)
    return try await carrier.send(request, limits: limits)
  }

  package func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try check(request)
    return try await carrier.stream(request, limits: limits, into: sink)
  }

  private func check(_ request: HTTPRequest) throws(HTTPError) {
    guard request.method == "GET" || right.holds else {
      throw HTTPError(
        .cancelled, "The request was not sent: this process leads no more, and another one goes on."
      )
    }
  }
}
