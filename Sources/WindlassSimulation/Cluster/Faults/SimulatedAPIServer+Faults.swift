import WindlassCore
import WindlassWire

/// What faults do to requests.
extension SimulatedAPIServer {
  /// Serves a request, with the faults that strike it.
  mutating func serveFaulty(_ call: inout Call) throws(APIFailure) -> APIResponse {
    var loss: APIResponse.Loss?
    for kind in faults.strike(call, .request) {
      switch kind {
      case .loseRequest: return .lost(.reset)
      case .hang: return .lost(.silence)
      case .loseReply: loss = .reset
      case .refuse(let status, let seconds): throw refusal(status, seconds, call)
      case .forbid: throw denial(call)
      case .expire where call.verb == "list":
        let token = try? ContinueToken(call.target["continue"] ?? "")
        throw .expired(
          "The provided continue parameter is too old to display a consistent list result.",
          continuation: token.map { ContinueToken(version: -1, start: $0.start).text })
      case .expire: call.isExpired = true
      case .stale(let version), .rewind(let version):
        call.staleVersion = min(version, store.revision)
      default: break
      }
    }
    let streams = faults.strike(call, .stream)
    var response = try serve(&call)
    response.loss = loss
    if case .watch(let identity) = response.body { watches[identity]?.faults = streams }
    return response
  }

  private func denial(_ call: Call) -> APIFailure {
    let place =
      call.namespace.map { "in the namespace \(quoted($0))" } ?? "at the cluster scope"
    return call.type.forbidden(
      call.name ?? "",
      "User \(quoted(call.user.name)) cannot \(call.verb) resource "
        + "\(quoted(call.type.plural)) in API group \(quoted(call.type.group)) \(place)")
  }

  private func refusal(_ status: Int, _ seconds: Int64?, _ call: Call) -> APIFailure {
    let name = call.name ?? ""
    var failure: APIFailure
    switch status {
    case 409 where call.verb == "create":
      failure = call.type.alreadyExists(name, isTerminating: false)
    case 409: failure = call.type.conflict(name)
    case 429:
      failure = APIFailure(
        code: 429, reason: "TooManyRequests",
        message: "the server has received too many requests and has asked us to try again later")
    case 503:
      failure = APIFailure(
        code: 503, reason: "ServiceUnavailable",
        message: "the server is currently unable to handle the request")
    case 504:
      failure = APIFailure(
        code: 504, reason: "Timeout",
        message: "Timeout: request did not complete within the allowed duration")
    default:
      failure = APIFailure(
        code: status, reason: "InternalError",
        message: "Internal error occurred: etcdserver: request timed out")
    }
    if let seconds {
      failure.headers.append(HTTPHeader("Retry-After", String(seconds)))
      failure.details = ["retryAfterSeconds": .integer(seconds)]
    }
    return failure
  }

  // MARK: - Admission

  /// What webhooks and quotas make of an object that is to be written.
  mutating func admitted(_ object: JSONValue, _ call: Call) throws(APIFailure) -> JSONValue {
    guard call.subresource == nil else { return object }
    var result = object
    for kind in faults.strike(call, .admission) {
      let webhook = "\"policy.example.com\""
      switch kind {
      case .mutate(let patch): result = MergePatch.applied(patch, to: result).canonical
      case .reject(let message):
        throw APIFailure(
          code: 400, message: "admission webhook \(webhook) denied the request: \(message)")
      case .webhookDown:
        throw APIFailure(
          code: 500, reason: "InternalError",
          message: "Internal error occurred: failed calling webhook \(webhook): failed to call "
            + "webhook: context deadline exceeded")
      case .exceedQuota:
        let count = store.objects(of: call.type.storage, namespace: call.namespace).count
        throw call.type.forbidden(
          object.name,
          "exceeded quota: limit, requested: count/\(call.type.qualified)=1, used: "
            + "count/\(call.type.qualified)=\(count), limited: "
            + "count/\(call.type.qualified)=\(count)")
      default: break
      }
    }
    return result
  }

  // MARK: - Streams

  /// What a watch sends of its events when faults strike it.
  func distorted(_ events: [WatchEvent], _ open: inout OpenWatch) -> [WatchEvent] {
    guard !open.faults.isEmpty else { return events }
    var sent: [WatchEvent] = []
    for event in events where !open.isSilent && !open.isCut {
      if event.type == "BOOKMARK" {
        let isEnd = event.object.annotation("k8s.io/initial-events-end") != nil
        if isEnd || !open.faults.contains(.noBookmarks) { sent.append(event) }
        continue
      }
      sent += distorted(event, &open)
    }
    return sent
  }

  private func distorted(_ event: WatchEvent, _ open: inout OpenWatch) -> [WatchEvent] {
    let number = open.eventCount
    open.eventCount += 1
    var sent = [event]
    for fault in open.faults {
      switch fault {
      case .dropEvent(number): sent = []
      case .duplicateEvent(number): sent = [event, event]
      case .delayEvent(number):
        open.delayed = event
        return []
      case .cutEvent(number):
        open.isCut = true
        open.ends = event.time
      case .silence(before: number):
        open.isSilent = true
        return []
      case .expireEvent(number):
        open.isCut = true
        open.cutsCleanly = true
        open.ends = event.time
        let failure = APIFailure.expired("The resourceVersion for the provided watch is too old.")
        return [WatchEvent(time: event.time, type: "ERROR", object: failure.status)]
      default: break
      }
    }
    if let delayed = open.delayed {
      open.delayed = nil
      sent.append(WatchEvent(time: event.time, type: delayed.type, object: delayed.object))
    }
    if open.faults.contains(.manyBookmarks), let last = sent.last {
      var mark = bookmarkObject(open, at: last.time)
      mark.set(
        last.object.at("metadata", "resourceVersion"), at: ["metadata", "resourceVersion"])
      sent.append(WatchEvent(time: last.time, type: "BOOKMARK", object: mark))
    }
    return sent
  }
}
