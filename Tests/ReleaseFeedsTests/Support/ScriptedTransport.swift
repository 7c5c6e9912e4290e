import Synchronization
import WindlassCore
import WindlassWire

/// A web server that answers from a script and notes what it was asked.
final class ScriptedTransport: HTTPTransport {
  /// Answers by URL; what has no answer is unreachable.
  private let answers = Mutex<[String: Result<HTTPResponse, HTTPError>]>([:])
  private let asked = Mutex<[HTTPRequest]>([])

  /// What was asked so far, in order.
  var requests: [HTTPRequest] { asked.withLock { $0 } }

  func answer(_ url: String, _ response: HTTPResponse) {
    answers.withLock { $0[url] = .success(response) }
  }

  func fail(_ url: String, _ code: HTTPError.Code) {
    answers.withLock { $0[url] = .failure(HTTPError(code, "\(url) failed")) }
  }

  func send(_ request: HTTPRequest, limits: HTTPLimits) async throws(HTTPError) -> HTTPResponse {
    asked.withLock { $0.append(request) }
    guard let answer = answers.withLock({ $0[request.url] }) else {
      throw HTTPError(.unreachable, "\(request.url) is unreachable")
    }
    return try answer.get()
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.other, "no test streams")
  }
}
