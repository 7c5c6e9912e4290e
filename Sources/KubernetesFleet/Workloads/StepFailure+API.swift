package import WindlassCore

extension StepFailure {
  /// What a request's failure means for a step.
  package init(_ error: APIError) {
    // What the server refuses of a workload, a webhook or a quota may allow tomorrow.
    let isRefused = [APIError.Code.invalid, .badRequest, .alreadyExists].contains(error.code)
    let disposition = isRefused ? .wait : error.disposition
    let name = error.code.rawValue
    let code = error.mayHaveHappened ? "ReplyLost" : name.prefix(1).uppercased() + name.dropFirst()
    self.init(
      code: code, disposition: error.mayHaveHappened ? .retry : disposition,
      message: error.description)
  }
}

/// Asks the server, with its failures as those of a step.
func asking<Answer>(
  _ body: () async throws(APIError) -> Answer
) async throws(StepFailure) -> Answer {
  do throws(APIError) {
    return try await body()
  } catch {
    throw StepFailure(error)
  }
}
