package import WindlassSimulation
package import WindlassWire

/// Carries requests to a simulated API server in this process.
package struct ClusterTransport: HTTPTransport {
  private let host: ClusterHost

  package init(_ host: ClusterHost) { self.host = host }

  package func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    let answer = try await answer(to: request, limits)
    switch answer.body {
    case .json(let body): return reply(answer, body.bytes)
    case .text(let text): return reply(answer, Array(text.utf8))
    case .watch(let watch):
      await host.close(watch)
      throw HTTPError(.timedOut, "\(request.url) is a watch, which has no end; stream it.")
    }
  }

  package func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    let answer = try await answer(to: request, limits)
    switch answer.body {
    case .json(let body): try hand(body.bytes, to: sink)
    case .text(let text): try hand(Array(text.utf8), to: sink)
    case .watch(let watch):
      do throws(HTTPError) {
        try await follow(watch, sink)
      } catch {
        await host.close(watch)
        throw error
      }
      await host.close(watch)
    }
    return reply(answer, [])
  }

  /// The answer, unless it is lost on its way.
  private func answer(
    to request: HTTPRequest, _ limits: HTTPLimits
  ) async throws(HTTPError) -> APIResponse {
    let answer = await host.respond(to: try ClusterTransport.arrived(request))
    switch answer.loss {
    case nil: return answer
    case .reset: throw HTTPError(.truncated, "\(request.url) got no answer: it was lost.")
    case .silence:
      await host.keepWaiting(for: limits.deadline)
      throw HTTPError(.timedOut, "\(request.url) got no answer in time.")
    }
  }

  private func follow(
    _ watch: WatchIdentity, _ sink: @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) {
    while let report = await host.next(of: watch) {
      for piece in report.pieces { try hand(piece, to: sink) }
      if report.isCut { throw HTTPError(.truncated, "The watch was cut amid an event.") }
      if report.ended != nil { return }
    }
    throw HTTPError(.cancelled, "The watch was cancelled.")
  }

  private func hand(
    _ bytes: [UInt8], to sink: @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) throws(HTTPError) {
    do {
      try bytes.withUnsafeBytes { try sink($0) }
    } catch {
      throw HTTPError(.sinkFailed, "\(error)")
    }
  }

  private func reply(_ answer: APIResponse, _ body: [UInt8]) -> HTTPResponse {
    HTTPResponse(status: answer.status, headers: answer.headers, body: body)
  }

  /// The request as it arrives at the server: without scheme and host.
  package static func arrived(_ request: HTTPRequest) throws(HTTPError) -> APIRequest {
    let url = request.url.utf8
    guard let colon = url.firstIndex(of: UInt8(ascii: ":")), url[colon...].starts(with: "://".utf8),
      let slash = url[colon...].dropFirst(3).firstIndex(of: UInt8(ascii: "/"))
    else { throw HTTPError(.badURL, "\(request.url) has no path.") }
    return APIRequest(
      method: request.method, path: String(request.url[slash...]), headers: request.headers,
      body: request.body ?? [])
  }
}

extension WatchReport {
  /// The bytes of the stream, event by event; of the last one half, when the stream is cut there.
  var pieces: [[UInt8]] {
    var pieces = events.map(\.line)
    if isCut, let last = pieces.popLast() { pieces.append(Array(last.prefix(last.count / 2))) }
    return pieces
  }
}

extension WindlassSimulation.WatchEvent {
  /// The event as one line of a stream, with its end.
  var line: [UInt8] {
    JSONValue.object([JSONMember("type", .string(type)), JSONMember("object", object)]).bytes
      + [0x0A]
  }
}
