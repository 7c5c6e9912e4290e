import Synchronization
import WindlassCore
package import WindlassWire

/// What a simulated peer says to every request for one URL.
package enum SimulatedPeer: Sendable {
  case replies(HTTPResponse)
  /// It announces the whole body and closes after that many bytes of it.
  case breaksOff(HTTPResponse, after: Int)
  /// It sends a body that does not end.
  case goesOn
  /// It takes the request and never says a word.
  case staysSilent
  /// The connection to it fails so.
  case fails(HTTPError.Code)
}

/// A network in memory: peers by URL, and nobody where there is none.
///
/// Time does not pass in it: what would last until the deadline has lasted until then at once.
package final class SimulatedTransport: HTTPTransport {
  private struct State {
    var peers: [String: SimulatedPeer] = [:]
    var received: [HTTPRequest] = []
  }

  private let state = Mutex(State())

  /// A network without peers.
  package init() {}

  /// Every request that a peer received, in order, redirected ones included.
  package var requests: [HTTPRequest] { state.withLock { $0.received } }

  /// Decides what is said to requests for that URL.
  package func serve(_ url: String, _ peer: SimulatedPeer) {
    state.withLock { $0.peers[url] = peer }
  }

  /// Answers requests for that URL with a reply.
  package func answer(_ url: String, _ response: HTTPResponse) { serve(url, .replies(response)) }

  package func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    try exchange(request, limits, redirects: 0)
  }

  package func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    var reply = try exchange(request, limits, redirects: 0)
    let body = reply.body
    reply.body = []
    guard !body.isEmpty else { return reply }
    do {
      try body.withUnsafeBytes { try sink($0) }
    } catch {
      throw failure(.sinkFailed, request)
    }
    return reply
  }

  private func exchange(
    _ request: HTTPRequest, _ limits: HTTPLimits, redirects: Int
  ) throws(HTTPError) -> HTTPResponse {
    let origin = try origin(of: request)
    guard !Task.isCancelled else { throw failure(.cancelled, request) }
    guard .zero < limits.deadline else { throw failure(.timedOut, request) }
    let peer = state.withLock { state -> SimulatedPeer? in
      guard let peer = state.peers[request.url] else { return nil }
      state.received.append(request)
      return peer
    }
    let reply = try reply(of: peer, to: request, limits)
    let moved = (301...308).contains(reply.status) && reply.status != 304
    guard 0 < limits.redirectsMax, moved, let location = reply.header("Location") else {
      return reply
    }
    guard redirects < min(limits.redirectsMax, Bounds.redirectsMax) else {
      throw failure(.tooManyRedirects, request)
    }
    var next = request
    next.url = location.hasPrefix("/") ? origin + location : location
    return try exchange(next, limits, redirects: redirects + 1)
  }

  private func reply(
    of peer: SimulatedPeer?, to request: HTTPRequest, _ limits: HTTPLimits
  ) throws(HTTPError) -> HTTPResponse {
    switch peer {
    case nil: throw failure(.unreachable, request)
    case .fails(let code): throw failure(code, request)
    case .staysSilent: throw failure(.timedOut, request)
    case .goesOn: throw failure(.tooLarge, request)
    case .breaksOff(let reply, let end):
      guard reply.body.count <= end else { throw failure(.truncated, request) }
      return try capped(reply, request, limits)
    case .replies(let reply): return try capped(reply, request, limits)
    }
  }

  private func capped(
    _ reply: HTTPResponse, _ request: HTTPRequest, _ limits: HTTPLimits
  ) throws(HTTPError) -> HTTPResponse {
    guard Int64(reply.body.count) <= limits.bodySizeMax else { throw failure(.tooLarge, request) }
    return reply
  }

  /// The URL's scheme and authority, once it is one that can be meant.
  private func origin(of request: HTTPRequest) throws(HTTPError) -> String {
    let parts = request.url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard 3 <= parts.count, let scheme = parts.first, scheme.last == ":", parts[1].isEmpty else {
      throw failure(.badURL, request)
    }
    guard ["http:", "https:"].contains(scheme.lowercased()) else {
      throw failure(.schemeRefused, request)
    }
    guard !parts[2].isEmpty, !parts[2].contains("@"), !request.url.contains(" ") else {
      throw failure(.badURL, request)
    }
    return "\(scheme)//\(parts[2])"
  }

  /// A failure that names the URL without its query.
  private func failure(_ code: HTTPError.Code, _ request: HTTPRequest) -> HTTPError {
    let url = request.url.prefix { $0 != "?" && $0 != "#" }
    return HTTPError(code, "\(request.method) \(url) failed: \(code)")
  }
}
