import Synchronization
import WindlassCore
import WindlassWire

/// Decides by a seed what goes wrong, until it is told to stop.
final class Chaos: Sendable {
  private struct State {
    var chance: SeededGenerator
    var isOver = false
  }
  private let state: Mutex<State>

  init(seed: UInt64) { state = Mutex(State(chance: SeededGenerator(seed: seed &* 7_919))) }

  /// From now on nothing goes wrong.
  func stop() { state.withLock { $0.isOver = true } }

  /// Whether something goes wrong now, once in so many times.
  func strikes(onceIn count: UInt64) -> Bool {
    state.withLock { !$0.isOver && $0.chance.next() % count == 0 }
  }
}

/// Cuts streams within an event, loses replies and turns reads away.
struct ChaoticTransport: HTTPTransport {
  private let carrier: any HTTPTransport
  private let chaos: Chaos

  init(_ carrier: any HTTPTransport, _ chaos: Chaos) {
    self.carrier = carrier
    self.chaos = chaos
  }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    if request.method == "GET", chaos.strikes(onceIn: 4) {
      return HTTPResponse(status: 503, body: Array("busy".utf8))
    }
    let answer = try await carrier.send(request, limits: limits)
    if chaos.strikes(onceIn: 6) { throw HTTPError(.truncated, "the reply was lost") }
    return answer
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    let chaos = chaos
    return try await carrier.stream(request, limits: limits) { piece in
      guard chaos.strikes(onceIn: 6) else { return try sink(piece) }
      try sink(UnsafeRawBufferPointer(rebasing: piece.prefix(piece.count / 2)))
      throw HTTPError(.truncated, "the stream was cut")
    }
  }
}
