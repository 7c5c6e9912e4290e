import SimulatedCluster
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Carries what one operator asks to the server of its world, as long as the process lives.
struct ProcessTransport: HTTPTransport {
  let process: OperatorProcess
  let host: ClusterHost
  let history: TrafficHistory

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    let (seen, answer) = try await ask(request, limits)
    switch answer.body {
    case .json(let body): return reply(answer, body.bytes)
    case .text(let text): return reply(answer, Array(text.utf8))
    case .watch(let watch):
      await host.close(watch)
      throw HTTPError(.timedOut, "\(seen) is a watch, which has no end; stream it.")
    }
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    let (seen, answer) = try await ask(request, limits)
    switch answer.body {
    case .json(let body): try hand(body.bytes, to: sink)
    case .text(let text): try hand(Array(text.utf8), to: sink)
    case .watch(let watch):
      do throws(HTTPError) {
        try await follow(watch, seen, sink)
      } catch {
        await host.close(watch)
        throw error
      }
      await host.close(watch)
    }
    return reply(answer, [])
  }

  /// The answer, once the process may have it.
  private func ask(
    _ request: HTTPRequest, _ limits: HTTPLimits
  ) async throws(HTTPError) -> (SeenRequest, APIResponse) {
    let isLate = process.isFrozen
    await process.pass()
    guard !process.isDead else { throw dead(request) }
    var seen = history.numbered(SeenRequest(request))
    guard case .arrives = history.interference.request(seen, process) else {
      throw HTTPError(.truncated, "\(seen) never arrived.")
    }
    seen.isLate = isLate || process.isFrozen
    await process.pass()
    guard !process.isDead else { throw dead(request) }
    let answer = await host.respond(to: try ClusterTransport.arrived(request))
    if seen.verb == "create", seen.resource == "jobs.batch", answer.status == 201,
      case .json(let job) = answer.body
    {
      history.note(maker: process, of: job.value(at: "/metadata/name")?.string ?? "")
    }
    history.note(.request(seen, status: answer.status), by: process)
    let fate = history.interference.reply(seen, process)
    await process.pass()
    guard !process.isDead else { throw dead(request) }
    if answer.loss == .silence {
      await host.keepWaiting(for: limits.deadline)
      throw HTTPError(.timedOut, "\(seen) got no answer in time.")
    }
    guard answer.loss == nil, case .arrives = fate else {
      // A watch whose beginning nobody saw is not there for anybody.
      if case .watch(let watch) = answer.body { await host.close(watch) }
      throw HTTPError(.truncated, "\(seen) got no answer: it was lost.")
    }
    return (seen, answer)
  }

  private func follow(
    _ watch: WatchIdentity, _ seen: SeenRequest,
    _ sink: @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) {
    var isInitial = seen.isStreamedList
    while let report = await host.next(of: watch) {
      for event in report.events {
        if event.type == "BOOKMARK" || event.type == "ERROR" {
          if event.isEndOfList { isInitial = false }
          try hand(line(event), to: sink)
          continue
        }
        let told = history.numbered(
          SeenEvent(event.type, event.object, of: seen, isInitial: isInitial))
        let fate = history.interference.event(told, process)
        if case .isSkipped = fate { continue }
        if case .isLate(let delay) = fate { await host.keepWaiting(for: delay) }
        await process.pass()
        guard !process.isDead, !Task.isCancelled else { throw cancelled }
        history.note(.event(told), by: process)
        try hand(line(event), to: sink)
      }
      if report.isCut { throw HTTPError(.truncated, "The watch was cut amid an event.") }
      if report.ended != nil { return }
    }
    throw cancelled
  }

  private var cancelled: HTTPError { HTTPError(.cancelled, "The watch was cancelled.") }

  private func line(_ event: WindlassSimulation.WatchEvent) -> [UInt8] {
    JSONValue.object([JSONMember("type", .string(event.type)), JSONMember("object", event.object)])
      .bytes + [0x0A]
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

  private func dead(_ request: HTTPRequest) -> HTTPError {
    HTTPError(.cancelled, "\(request.method) \(request.url): the process is dead.")
  }
}

extension WindlassSimulation.WatchEvent {
  /// Whether it says that a watch has told all that there was.
  fileprivate var isEndOfList: Bool {
    let marks = object.value(at: "/metadata/annotations")
    return marks?["k8s.io/initial-events-end"] == "true"
  }
}
