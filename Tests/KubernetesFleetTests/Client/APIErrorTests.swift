import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What answers mean.
struct APIErrorTests {
  private func error(
    _ step: ScriptedTransport.Step, of method: Method = .change
  ) async throws -> APIError {
    let world = try ScriptedWorld(Array(repeating: step, count: 6))
    let pod = ObjectReference(.pods, "web-0", in: "shop")
    let failure = await failure { () throws(APIError) in
      switch method {
      case .read: _ = try await world.client.get(pod)
      case .change: _ = try await world.client.patch(pod, .merge([:]))
      }
    }
    return try #require(failure)
  }

  enum Method { case read, change }

  @Test(arguments: [
    (401, "Unauthorized", APIError.Code.unauthorized, Disposition.wait),
    (403, "Forbidden", .forbidden, .wait), (404, "NotFound", .unknownResource, .wait),
    (405, "MethodNotAllowed", .badRequest, .stop), (409, "AlreadyExists", .alreadyExists, .stop),
    (409, "Conflict", .conflict, .retry), (410, "Expired", .expired, .retry),
    (413, "RequestEntityTooLarge", .badRequest, .stop), (422, "Invalid", .invalid, .stop),
    (429, "TooManyRequests", .tooManyRequests, .retry),
    (500, "InternalError", .internalError, .retry),
    (503, "ServiceUnavailable", .unavailable, .retry), (504, "Timeout", .timeout, .retry),
  ])
  func `status and reason give the code, and the code what to do`(
    status: Int, reason: String, code: APIError.Code, disposition: Disposition
  ) async throws {
    let error = try await error(.refusal(status, reason))
    #expect(error.code == code)
    #expect(error.disposition == disposition)
    #expect(error.status == status)
    #expect(error.reason == reason)
  }

  @Test func `causes tell apart what one status stands for`() async throws {
    let cases: [(Int, String, String, APIError.Code)] = [
      (403, "Forbidden", "NamespaceTerminating", .namespaceTerminating),
      (409, "Conflict", "FieldManagerConflict", .ownedByOthers),
      (429, "TooManyRequests", "DisruptionBudget", .disruptionBudget),
    ]
    for (status, reason, cause, code) in cases {
      let details: JSONValue = [
        "causes": [["reason": .string(cause), "field": ".spec.replicas", "message": "m"]]
      ]
      let error = try await error(.refusal(status, reason, details: details))
      #expect(error.code == code)
      #expect(error.causes == [.init(reason: cause, field: ".spec.replicas", message: "m")])
    }
  }

  @Test func `the message decides nothing`() async throws {
    let body: JSONValue = [
      "kind": "Status", "status": "Failure", "message": "AlreadyExists Expired DisruptionBudget",
      "reason": "Conflict", "code": 409,
    ]
    #expect(try await error(.json(body, status: 409)).code == .conflict)
  }

  @Test func `an absent object is told apart from an absent kind`() async throws {
    let named = try await error(.refusal(404, "NotFound", details: ["name": "web-0"]))
    #expect(named.code == .notFound)
  }

  @Test func `Retry-After is read from the header and from the details, and bounded`() async throws
  {
    let header = try await error(
      .refusal(429, "TooManyRequests", headers: [HTTPHeader("Retry-After", "7")]))
    #expect(header.retryAfter == .seconds(7))
    let details = try await error(.refusal(503, "X", details: ["retryAfterSeconds": 3]))
    #expect(details.retryAfter == .seconds(3))
    let long = try await error(
      .refusal(503, "X", headers: [HTTPHeader("Retry-After", "99999999999")]))
    #expect(long.retryAfter == .minutes(2))
  }

  @Test func `a page of a proxy is shown short and harmless`() async throws {
    let page = Array("<html>\u{1B}[31mbad\ngateway".utf8) + Array(repeating: 0x78, count: 9_000)
    let error = try await error(.answer(HTTPResponse(status: 502, body: page)))
    #expect(error.code == .unavailable)
    #expect(error.detail.count < 700)
    #expect(!error.description.contains("\u{1B}"))
  }

  @Test func `only a change whose fate is unclear may have happened`() async throws {
    #expect(try await error(.refusal(500, "InternalError")).mayHaveHappened)
    #expect(try await error(.refusal(504, "Timeout")).mayHaveHappened)
    #expect(try await !error(.refusal(429, "TooManyRequests")).mayHaveHappened)
    #expect(try await !error(.refusal(422, "Invalid")).mayHaveHappened)
    #expect(try await !error(.refusal(500, "InternalError"), of: .read).mayHaveHappened)
    #expect(try await error(.fail(HTTPError(.timedOut, "t"))).mayHaveHappened)
    #expect(try await error(.fail(HTTPError(.truncated, "t"))).mayHaveHappened)
    #expect(try await !error(.fail(HTTPError(.tlsRefused, "t"))).mayHaveHappened)
    #expect(try await !error(.fail(HTTPError(.unresolved, "t"))).mayHaveHappened)
    #expect(try await !error(.fail(HTTPError(.timedOut, "t")), of: .read).mayHaveHappened)
    #expect(try await error(.answer(HTTPResponse(status: 200, body: [1]))).mayHaveHappened)
  }

  @Test func `a refusal names the verb, and says what to do`() async throws {
    let error = try await error(.refusal(403, "Forbidden"))
    #expect(
      error.description
        == "PATCH pods shop/web-0 failed: as it is. "
        + "Unless a quota or an admission policy refused it, the user lacks the right to patch "
        + "pods in the namespace shop: add it to the role that is bound to the user, and ask "
        + "kubectl auth can-i patch pods --namespace shop.")
  }
}
