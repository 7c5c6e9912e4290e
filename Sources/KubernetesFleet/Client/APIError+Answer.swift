import WindlassCore
import WindlassWire

extension APIError {
  /// The error of an answer to a request of the client.
  init(answer: HTTPResponse, to order: KubernetesClient.Order) {
    self.init(answer: answer, request: order.title, changes: order.changes)
    if code == .forbidden { right = order.right }
  }

  /// The error of an answer whose status tells that the request did not succeed.
  ///
  /// - Parameter changes: Whether the request would have changed something.
  init(answer: HTTPResponse, request: String, changes: Bool) {
    let body = try? JSONValue.parse(answer.body, limits: ClientBounds.documentLimits)
    if let body, body["kind"]?.string == "Status" {
      self.init(status: body, code: answer.status, request: request, changes: changes)
    } else {
      // A proxy's page or an overloaded server's line: only its status says anything.
      self.init(
        APIError.code(status: answer.status, reason: nil, causes: [], hasName: false),
        request: request, detail: APIError.shown(answer.body, answer.status), status: answer.status
      )
    }
    if let header = answer.header("Retry-After"), let seconds = Int64(header), seconds >= 0 {
      retryAfter = min(.seconds(min(seconds, 86_400)), ClientBounds.retryAfterMax)
    }
    mayHaveHappened = changes && APIError.isUnclear(status: answer.status)
  }

  /// The error that a Status object stands for, in an answer or in an event of a watch.
  init(status body: JSONValue, code: Int? = nil, request: String, changes: Bool = false) {
    let details = body["details"]
    let causes = (details?["causes"]?.array ?? []).map { cause in
      Cause(
        reason: cause["reason"]?.string ?? "", field: cause["field"]?.string ?? "",
        message: cause["message"]?.string ?? "")
    }
    let status = code ?? body["code"]?.integer.flatMap { Int(exactly: $0) } ?? 0
    let reason = body["reason"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    self.init(
      APIError.code(
        status: status, reason: reason, causes: causes,
        hasName: !(details?["name"]?.string ?? "").isEmpty),
      request: request, detail: APIError.printable(body["message"]?.string ?? "status \(status)"),
      status: status, reason: reason, causes: causes)
    if let seconds = details?["retryAfterSeconds"]?.integer, seconds > 0 {
      retryAfter = min(.seconds(min(seconds, 86_400)), ClientBounds.retryAfterMax)
    }
    continuation = body["metadata"]?["continue"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    mayHaveHappened = changes && APIError.isUnclear(status: status)
  }

  /// Whether an answer of that status leaves open whether a change was made: the server may have
  /// lost its own storage's answer, or a proxy the server's.
  private static func isUnclear(status: Int) -> Bool { status >= 500 }

  /// The code for a status; the reason tells apart what one status stands for.
  private static func code(
    status: Int, reason: String?, causes: [Cause], hasName: Bool
  ) -> Code {
    switch status {
    case 401: return .unauthorized
    case 403:
      return causes.contains { $0.reason == "NamespaceTerminating" }
        ? .namespaceTerminating : .forbidden
    // The absence of a kind is told without the name of an object.
    case 404: return hasName ? .notFound : .unknownResource
    case 409:
      if reason == "AlreadyExists" { return .alreadyExists }
      return causes.contains { $0.reason == "FieldManagerConflict" } ? .ownedByOthers : .conflict
    case 410: return .expired
    case 422: return .invalid
    case 429:
      return causes.contains { $0.reason == "DisruptionBudget" }
        ? .disruptionBudget : .tooManyRequests
    case 408, 504: return .timeout
    case 502, 503: return .unavailable
    case 400..<500: return .badRequest
    case 500...: return .internalError
    default: return .malformedAnswer
    }
  }

  /// A foreign body as a message shows it: short, plain, on one line.
  private static func shown(_ body: [UInt8], _ status: Int) -> String {
    let text = printable(String(decoding: body.prefix(600), as: UTF8.self))
    return text.isEmpty ? "status \(status)" : "status \(status): \(text)"
  }

  /// Foreign text without what a terminal or a log reader would act on.
  static func printable(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(2_000).map { scalar -> Character in
      switch scalar.value {
      case 0x20...0x7E, 0xA0...0x2027, 0x202F...0x2065, 0x2070...0xD7FF, 0xE000...0xFFFD:
        Character(scalar)
      default: " "
      }
    }
    var shown = String(scalars)
    while shown.last == " " { shown.removeLast() }
    return shown
  }

  /// The error of a request that got no whole answer.
  init(_ error: HTTPError, request: String, changes: Bool) {
    let code: Code
    switch error.code {
    case .unresolved, .addressRefused: code = .unreachable
    // A connection may break before or after the request went out; nobody can tell from here.
    case .unreachable: code = changes ? .noAnswer : .unreachable
    case .timedOut, .truncated: code = .noAnswer
    case .tlsRefused: code = .untrusted
    case .cancelled: code = .cancelled
    case .badURL, .schemeRefused: code = .badTarget
    case .redirectRefused, .tooManyRedirects, .tooLarge, .headersTooLarge, .sinkFailed:
      code = .malformedAnswer
    case .other: code = .noAnswer
    }
    self.init(code, request: request, detail: error.message)
    let isCertain: Set<HTTPError.Code> = [
      .unresolved, .addressRefused, .tlsRefused, .badURL, .schemeRefused,
    ]
    mayHaveHappened = changes && !isCertain.contains(error.code)
  }
}
