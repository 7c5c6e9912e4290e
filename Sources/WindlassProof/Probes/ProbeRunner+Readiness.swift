package import WindlassCore
import WindlassWire

/// What waiting for a server came to.
package enum ReadinessOutcome: Hashable, Sendable {
  case ready
  /// It ended before it was ready.
  case ended(ExitReport)
  /// The deadline passed; the last answer is there in words.
  case late(lastAnswer: String)
}

extension ProbeRunner {
  /// Asks for readiness until a 2xx comes, the server has ended, or the deadline has passed.
  ///
  /// - Parameter exit: Tells whether the server has ended; asked after every answer that is none.
  package func waitUntilReady(
    _ baseURL: String, exit: () async throws(StepFailure) -> ExitReport?
  ) async throws(StepFailure) -> ReadinessOutcome {
    let request = HTTPRequest(url: baseURL + configuration.readinessPath)
    let deadline = clock.elapsed() + configuration.readinessDeadline
    while true {
      let answer: String
      switch try await reply(to: request, within: configuration.readinessTimeout) {
      case .success(let response) where (200...299).contains(response.status): return .ready
      case .success(let response):
        answer = "status \(response.status): \(Excerpt.complaint(response.body))"
      case .failure(let error): answer = Excerpt.plain(error.message)
      }
      if let report = try await exit() { return .ended(report) }
      guard clock.elapsed() < deadline else { return .late(lastAnswer: answer) }
      do {
        try await clock.sleep(configuration.readinessPause)
      } catch {
        throw .cancelled
      }
    }
  }
}
