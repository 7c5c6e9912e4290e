import WindlassCore
import WindlassSimulation
import WindlassWire

/// A transport that keeps its contract but for one thing.
struct StrayTransport: HTTPTransport {
  enum Way: WayToStray {
    case failsOnStatus, keepsTheBody, ignoresSinks, hasNoCap, takesHalf, answersForOthers
    case ignoresDeadlines, ignoresCancellation, follows, followsAnywhere, guessesURLs, tellsQueries

    var breaks: [String] {
      switch self {
      case .failsOnStatus: ["every status is a reply"]
      case .keepsTheBody: ["a sink gets the body"]
      case .ignoresSinks: ["a sink that throws"]
      case .hasNoCap: ["a body of exactly the cap", "a body without end"]
      case .takesHalf: ["a body shorter"]
      case .answersForOthers: ["silence ends"]
      case .ignoresDeadlines: ["a deadline in the past"]
      case .ignoresCancellation: ["a task that was cancelled"]
      case .follows: ["a redirect is a reply", "redirects are followed as often"]
      case .followsAnywhere: ["a redirect to anything"]
      case .guessesURLs: ["a URL that can't be meant"]
      case .tellsQueries: ["where nobody listens"]
      }
    }

    /// Failures that it takes for a reply.
    var forgives: Set<HTTPError.Code> {
      switch self {
      case .hasNoCap: [.tooLarge]
      case .takesHalf: [.truncated]
      case .answersForOthers: [.timedOut]
      case .followsAnywhere: [.schemeRefused]
      case .guessesURLs: [.badURL]
      case .ignoresSinks: [.sinkFailed]
      default: []
      }
    }
  }

  let network: SimulatedTransport
  let way: Way

  func send(_ request: HTTPRequest, limits: HTTPLimits) async throws(HTTPError) -> HTTPResponse {
    var changed = limits
    if way == .ignoresDeadlines { changed.deadline = .seconds(60) }
    if way == .follows { changed.redirectsMax = 5 }
    let limits = changed
    do throws(HTTPError) {
      let reply =
        way == .ignoresCancellation
        ? try await unheeding(request, limits) : try await network.send(request, limits: limits)
      if way == .failsOnStatus, reply.status != 200 { throw HTTPError(.other, "not 200") }
      return reply
    } catch {
      if way.forgives.contains(error.code) { return HTTPResponse(status: 200) }
      throw way == .tellsQueries ? HTTPError(error.code, "\(request.url) failed") : error
    }
  }

  /// Goes on although its caller was cancelled.
  private func unheeding(
    _ request: HTTPRequest, _ limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    let network = network
    let task = Task { () async -> Result<HTTPResponse, HTTPError> in
      do throws(HTTPError) {
        return .success(try await network.send(request, limits: limits))
      } catch {
        return .failure(error)
      }
    }
    return try await task.value.get()
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    do throws(HTTPError) {
      var reply = try await network.stream(request, limits: limits, into: sink)
      if way == .keepsTheBody { reply.body = [1] }
      return reply
    } catch {
      guard way.forgives.contains(error.code) else { throw error }
      return HTTPResponse(status: 200)
    }
  }
}

/// A store of artifacts that keeps its contract but for one thing.
struct StrayArtifacts: ArtifactStore {
  enum Way: WayToStray {
    case alwaysFetches, preparesNothing, ignoresDigests, looksAtNoFile

    var breaks: [String] {
      switch self {
      case .alwaysFetches: ["what was prepared once"]
      case .preparesNothing: ["what can't be fetched"]
      case .ignoresDigests: ["bytes of another digest"]
      case .looksAtNoFile: ["a change of what was prepared"]
      }
    }
  }

  let service: SimulatedService
  let way: Way

  func prepare(_ release: Release) async throws(StepFailure) {
    if way == .alwaysFetches, await !service.isPublished(release) {
      throw StepFailure(code: "DownloadFailed", disposition: .retry, message: "it is not there")
    }
    do throws(StepFailure) {
      try await service.prepare(release)
    } catch {
      let forgiven: [Way: String] = [
        .preparesNothing: "DownloadFailed", .ignoresDigests: "DigestMismatch",
        .looksAtNoFile: "ArtifactChanged",
      ]
      guard forgiven[way] == error.code else { throw error }
    }
  }
}
