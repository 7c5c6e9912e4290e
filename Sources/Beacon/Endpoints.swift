import FoundationEssentials
import NIOCore
import NIOHTTP1

/// What Beacon answers to which request.
struct Endpoints: Sendable {
  private let release: BeaconRelease
  private let store: FlagStore

  init(release: BeaconRelease, store: FlagStore) {
    self.release = release
    self.store = store
  }

  /// Answers a request that has arrived in full; never fails, since a failure is a reply too.
  func reply(
    to request: IncomingRequest, health: Server.Health, on loop: any EventLoop
  ) -> EventLoopFuture<Reply> {
    let answer = { (reply: Reply) in loop.makeSucceededFuture(reply) }
    guard !request.isTooLarge else {
      return answer(failure(.payloadTooLarge, "the body is too large"))
    }
    switch (request.head.method, request.path) {
    case (.GET, "/healthz"):
      let status: HTTPResponseStatus = health == .ready ? .ok : .serviceUnavailable
      return answer(Endpoints.json(status, HealthReply(status: health.rawValue)))
    case (.GET, "/version"):
      return answer(Endpoints.json(.ok, VersionReply(version: release.name)))
    case (.PUT, "/api/v1/upload"), (.POST, "/api/v1/upload"):
      let reply = UploadReply(bytes: request.received, digest: request.digest.text)
      return answer(Endpoints.json(.ok, reply))
    case (.POST, "/api/v1/evaluate"):
      return decoding(EvaluationRequest.self, request, loop) { evaluate($0, loop) }
    case (.POST, "/api/v1/flags"):
      return decoding(FlagRequest.self, request, loop) { put($0, loop) }
    case (.GET, "/api/v1/flags"):
      return finish(store.flags(on: loop)) { Endpoints.json(.ok, $0) }
    case (.GET, "/api/v1/audit") where release.keepsAudit:
      return finish(store.auditEntries(on: loop)) { Endpoints.json(.ok, $0) }
    case (.GET, let path) where path.hasPrefix("/api/v1/flags/"):
      let key = String(path.dropFirst("/api/v1/flags/".count))
      return finish(store.flag(key, on: loop)) { Endpoints.found($0, key) }
    default:
      let target = "\(request.head.method.rawValue) \(request.path)"
      return answer(failure(.notFound, "there is no \(target)"))
    }
  }

  private func evaluate(
    _ request: EvaluationRequest, _ loop: any EventLoop
  ) -> EventLoopFuture<Reply> {
    finish(store.evaluate(request, on: loop)) { Endpoints.found($0, request.flagKey) }
  }

  private func put(_ request: FlagRequest, _ loop: any EventLoop) -> EventLoopFuture<Reply> {
    let isKeyPlain = request.key.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard isKeyPlain, (1...128).contains(request.key.utf8.count) else {
      let message = "a flag's key is 1 to 128 letters, digits, dots, underscores and hyphens"
      return loop.makeSucceededFuture(failure(.badRequest, message))
    }
    guard (0...100).contains(request.rolloutPercent ?? 100) else {
      return loop.makeSucceededFuture(failure(.badRequest, "rolloutPercent is 0 to 100"))
    }
    return finish(store.put(request, on: loop)) { Endpoints.found($0, request.key) }
  }

  private func decoding<Body: Decodable>(
    _ type: Body.Type, _ request: IncomingRequest, _ loop: any EventLoop,
    _ next: (Body) -> EventLoopFuture<Reply>
  ) -> EventLoopFuture<Reply> {
    do {
      return next(try JSONDecoder().decode(type, from: Data(request.body)))
    } catch {
      let message = "the body is not the JSON object that \(request.path) takes"
      return loop.makeSucceededFuture(failure(.badRequest, message))
    }
  }

  private func finish<Outcome: Sendable>(
    _ outcome: EventLoopFuture<Outcome>, _ body: @escaping @Sendable (Outcome) -> Reply
  ) -> EventLoopFuture<Reply> {
    outcome.map(body).recover { error in
      let failed = error as? DatabaseError
      return Endpoints.json(
        .internalServerError,
        ErrorReply(error: failed?.message ?? "\(error)", query: failed?.query))
    }
  }

  private func failure(_ status: HTTPResponseStatus, _ message: String) -> Reply {
    Endpoints.json(status, ErrorReply(error: message))
  }

  private static func found(_ value: (some Encodable)?, _ key: String) -> Reply {
    guard let value else {
      return json(.notFound, ErrorReply(error: "there is no flag \(key)"))
    }
    return json(.ok, value)
  }

  private static func json(_ status: HTTPResponseStatus, _ value: some Encodable) -> Reply {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Reply(status: status, body: Array(try encoder.encode(value)))
    } catch {
      return Reply(status: .internalServerError, body: Array(#"{"error":"encoding failed"}"#.utf8))
    }
  }
}
