import WindlassCore
package import WindlassWire

/// What a peer says to every request for one path.
package enum PeerConduct: Hashable, Sendable {
  case replies(HTTPResponse)
  /// It announces the whole body and closes after that many bytes of it.
  case breaksOff(HTTPResponse, after: Int)
  /// It sends a body that does not end.
  case goesOn
  /// It takes the request and never says a word.
  case staysSilent
}

/// A transport for one clause, and a peer that it can reach.
package protocol HTTPTransportSubject: Sendable {
  var transport: any HTTPTransport { get }

  /// The peer's URL for the path, which begins with a slash.
  func url(_ path: String) -> String

  /// A URL at which nobody listens.
  var deserted: String { get }

  /// Decides what the peer says to requests for that path.
  func serve(_ path: String, _ conduct: PeerConduct)

  /// The method and path of each request that the peer has received, such as `GET /a`.
  var received: [String] { get }

  /// Ends the peer.
  func end()
}

extension HTTPTransportSubject {
  func send(
    _ path: String, limits: HTTPLimits = .sample
  ) async throws -> HTTPResponse {
    try await transport.send(HTTPRequest(url: url(path)), limits: limits)
  }

  /// The failure of a request for the URL; nil when there is a reply.
  func failure(of url: String, limits: HTTPLimits = .sample) async -> HTTPError? {
    do throws(HTTPError) {
      _ = try await transport.send(HTTPRequest(url: url), limits: limits)
      return nil
    } catch {
      return error
    }
  }
}

extension HTTPLimits {
  /// Enough for every peer that behaves.
  static let sample = HTTPLimits(bodySizeMax: 100_000, deadline: .seconds(60))

  /// The same with a change.
  static func sample(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
    var limits = sample
    change(&limits)
    return limits
  }
}
