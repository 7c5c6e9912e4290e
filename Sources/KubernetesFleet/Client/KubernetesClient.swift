package import WindlassCore
package import WindlassWire

/// Makes a transport for what a cluster trusts and who we are; kept until either changes.
package typealias TransportMaker =
  @Sendable (HTTPSecurity) throws(HTTPError) -> any HTTPTransport

/// Asks one API server.
///
/// Reads are repeated within bounds when the server or the network fails. Changes are repeated only
/// when they are known not to have been made; otherwise the error says that they may have been
/// (`mayHaveHappened`), and whoever asked reads back.
package actor KubernetesClient {
  /// The cluster that is asked.
  package nonisolated let access: ClusterAccess
  /// The manager that owns the fields that are applied.
  package nonisolated let fieldManager: String
  nonisolated let clock: any RunClock
  nonisolated let recorder: any ClusterRecorder
  private let random: any RandomSource
  private let credentials: Credentials
  private let makeTransport: TransportMaker
  private nonisolated let rights: MissingRights?
  private var bucket: TokenBucket
  private var transport: (security: HTTPSecurity, carrier: any HTTPTransport)?
  private let backoff = Backoff()

  /// A client of that cluster.
  ///
  /// - Parameters:
  ///   - recorder: Is told of each request, and by whoever follows or leads with this client what
  ///     they do.
  ///   - rights: Is told what the server refuses to the user.
  package init(
    _ access: ClusterAccess, fieldManager: String = "windlass", clock: any RunClock,
    random: any RandomSource = SystemRandom(), plugins: any PluginRunner,
    bucket: TokenBucket = TokenBucket(
      perSecond: ClientBounds.requestRate, burst: ClientBounds.requestBurst),
    recorder: any ClusterRecorder = NoRecorder(), rights: MissingRights? = nil,
    transport: @escaping TransportMaker
  ) {
    self.access = access
    self.fieldManager = fieldManager
    self.clock = clock
    self.random = random
    self.bucket = bucket
    self.recorder = recorder
    makeTransport = transport
    self.rights = rights
    credentials = Credentials(access, clock: clock, runner: plugins)
  }

  /// One request as it is meant.
  struct Order: Sendable {
    var method: String
    var path: RequestPath
    /// What is asked, for messages: `PATCH deployments.apps shop/flipt`.
    var title: String
    var body: JSONValue?
    var mediaType = "application/json"
    var urgency = RequestClass.ordinary

    var changes: Bool { method != "GET" }
  }

  /// Carries out one request, with what repetition it bears, and returns the answer's document.
  func perform(_ order: Order) async throws(APIError) -> JSONValue {
    var failures = 0
    while true {
      do throws(APIError) {
        return try document(of: try await attempt(order), order)
      } catch {
        failures += 1
        guard failures < attemptsMax(order), isWorthRepeating(error, order, failures: failures)
        else { throw error }
        let delay = backoff.delay(
          afterFailures: failures, atLeast: error.retryAfter, fraction: random.fraction())
        // The first refusal of credentials asks again at once, with new ones.
        if error.code != .unauthorized { await clock.sleep(until: clock.now() + delay) }
        guard !Task.isCancelled else { throw error }
      }
    }
  }

  /// The pause after so many failures, for those who repeat by themselves.
  package func delay(afterFailures failures: Int, _ error: APIError?) -> Interval {
    backoff.delay(
      afterFailures: failures, atLeast: error?.retryAfter, fraction: random.fraction())
  }

  /// A number from 0 up to, and without, 1.
  package func fraction() -> Double { random.fraction() }

  // MARK: - One attempt

  /// Who an urgent request is for has a deadline of its own, which repetition would outlast.
  private func attemptsMax(_ order: Order) -> Int {
    order.urgency == .urgent ? 2 : ClientBounds.attemptsMax
  }

  private func isWorthRepeating(_ error: APIError, _ order: Order, failures: Int) -> Bool {
    guard !error.mayHaveHappened else { return false }
    switch error.code {
    case .unauthorized: return failures == 1
    case .tooManyRequests: return order.urgency == .ordinary
    case .unavailable, .timeout, .unreachable, .noAnswer, .malformedAnswer:
      return order.urgency == .ordinary
    // A real server answers with 500 what no repetition can help; once is for the others.
    case .internalError: return failures == 1
    default: return false
    }
  }

  private func attempt(_ order: Order) async throws(APIError) -> HTTPResponse {
    let (request, carrier, credential) = try await prepare(order)
    let deadline =
      order.urgency == .urgent ? ClientBounds.urgentDeadline : ClientBounds.answerDeadline
    let limits = HTTPLimits(bodySizeMax: ClientBounds.answerSizeMax, deadline: deadline)
    let sentAt = clock.now()
    let answer: HTTPResponse
    do throws(HTTPError) {
      answer = try await carrier.send(request, limits: limits)
      note(order, answer.status, sentAt)
    } catch {
      note(order, nil, sentAt)
      throw APIError(error, request: order.title, changes: order.changes)
    }
    if answer.status == 401 { await credentials.reject(credential) }
    guard (200..<300).contains(answer.status) else {
      let error = APIError(answer: answer, to: order)
      note(error, order)
      throw error
    }
    note(nil, order)
    return answer
  }

  /// Notes whether the user had the right that a request needs.
  nonisolated func note(_ error: APIError?, _ order: Order) {
    guard let rights, let right = order.right else { return }
    rights.note(right, error, at: clock.now())
  }

  /// Waits for its turn, gets credentials, and writes the request down.
  private func prepare(
    _ order: Order
  ) async throws(APIError) -> (HTTPRequest, any HTTPTransport, Credential) {
    if order.urgency == .ordinary {
      let wait = bucket.take(at: clock.now())
      if wait > .zero { await clock.sleep(until: clock.now() + wait) }
    }
    let credential: Credential
    do throws(AccessError) {
      credential = try await credentials.current()
    } catch {
      throw APIError(.noCredentials, request: order.title, detail: error.message)
    }
    var headers = [
      HTTPHeader("Accept", "application/json"), HTTPHeader("User-Agent", "windlass"),
    ]
    if let token = credential.token {
      headers.append(HTTPHeader("Authorization", "Bearer \(token.reveal())"))
    }
    if order.body != nil { headers.append(HTTPHeader("Content-Type", order.mediaType)) }
    let request = HTTPRequest(
      method: order.method, url: access.server + order.path.text, headers: headers,
      body: order.body?.bytes)
    return (request, try carrier(for: credential, order), credential)
  }

  private func carrier(
    for credential: Credential, _ order: Order
  ) throws(APIError) -> any HTTPTransport {
    var security = access.security
    security.identity = credential.identity
    if let transport, transport.security == security { return transport.carrier }
    do throws(HTTPError) {
      // Connections of the old one end with its last request.
      let carrier = try makeTransport(security)
      transport = (security, carrier)
      return carrier
    } catch {
      throw APIError(error, request: order.title, changes: false)
    }
  }

  private func document(
    of answer: HTTPResponse, _ order: Order
  ) throws(APIError) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue.parse(answer.body, limits: ClientBounds.documentLimits)
    } catch {
      var failure = APIError(
        .malformedAnswer, request: order.title,
        detail: "the answer is not JSON (\(error.code.rawValue), line \(error.line))",
        status: answer.status)
      failure.mayHaveHappened = order.changes
      throw failure
    }
  }

  // MARK: - Streams

  /// Opens a watch and hands over its bytes as they come, until it ends.
  func stream(
    _ order: Order, deadline: Interval,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(APIError) -> HTTPResponse {
    let (request, carrier, credential) = try await prepare(order)
    let limits = HTTPLimits(
      bodySizeMax: .max, deadline: deadline, silenceMax: ClientBounds.watchSilenceMax)
    let sentAt = clock.now()
    do throws(HTTPError) {
      let answer = try await carrier.stream(request, limits: limits, into: sink)
      note(order, answer.status, sentAt)
      if answer.status == 401 { await credentials.reject(credential) }
      return answer
    } catch {
      note(order, nil, sentAt)
      throw APIError(error, request: order.title, changes: false)
    }
  }

  private func note(_ order: Order, _ status: Int?, _ sentAt: Timestamp) {
    recorder.requestEnded(order.verb, status: status, after: clock.now() - sentAt)
  }
}
