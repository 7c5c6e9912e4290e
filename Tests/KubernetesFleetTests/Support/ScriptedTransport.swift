import Synchronization
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Answers requests one after the other as a test has written down, and keeps what was asked.
final class ScriptedTransport: HTTPTransport {
  enum Step: Sendable {
    case answer(HTTPResponse)
    case fail(HTTPError)
  }

  private struct State {
    var steps: [Step]
    var requests: [HTTPRequest] = []
    var limits: [HTTPLimits] = []
  }
  private let state: Mutex<State>

  init(_ steps: [Step]) { state = Mutex(State(steps: steps)) }

  /// What was asked, in order.
  var requests: [HTTPRequest] { state.withLock { $0.requests } }

  /// What the requests were allowed to cost.
  var limits: [HTTPLimits] { state.withLock { $0.limits } }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    let step = state.withLock { state -> Step? in
      state.requests.append(request)
      state.limits.append(limits)
      return state.steps.isEmpty ? nil : state.steps.removeFirst()
    }
    switch step {
    case .answer(let answer): return answer
    case .fail(let error): throw error
    case nil: throw HTTPError(.other, "the script has no more answers")
    }
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    var answer = try await send(request, limits: limits)
    do {
      // In small pieces, so that no line comes whole.
      for start in stride(from: 0, to: answer.body.count, by: 7) {
        let piece = Array(answer.body[start..<min(start + 7, answer.body.count)])
        try piece.withUnsafeBytes { try sink($0) }
      }
    } catch {
      throw HTTPError(.sinkFailed, "\(error)")
    }
    answer.body = []
    return answer
  }
}

extension ScriptedTransport.Step {
  static func json(
    _ body: JSONValue, status: Int = 200, headers: [HTTPHeader] = []
  ) -> ScriptedTransport.Step {
    .answer(HTTPResponse(status: status, headers: headers, body: body.bytes))
  }

  static func refusal(
    _ status: Int, _ reason: String, details: JSONValue = .object([]), headers: [HTTPHeader] = []
  ) -> ScriptedTransport.Step {
    .json(
      [
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "as it is",
        "reason": .string(reason), "code": .integer(Int64(status)), "details": details,
      ], status: status, headers: headers)
  }
}

/// A client of a scripted server.
struct ScriptedWorld {
  let transport: ScriptedTransport
  let clock = ManualClock(jumps: true)
  let client: KubernetesClient

  init(
    _ steps: [ScriptedTransport.Step], bucket: TokenBucket? = nil,
    recorder: any ClusterRecorder = NoRecorder()
  ) throws {
    let transport = ScriptedTransport(steps)
    self.transport = transport
    client = KubernetesClient(
      try ClusterAccess(try .test()), clock: clock, random: FixedRandom(), plugins: NoPlugins(),
      bucket: bucket ?? TokenBucket(perSecond: 1_000, burst: 1_000), recorder: recorder,
      transport: { _ throws(HTTPError) in transport })
  }
}

/// Runs no plug-in.
struct NoPlugins: PluginRunner {
  func run(
    _ plugin: Kubeconfig.Plugin, information: String
  ) async throws(AccessError) -> [UInt8] {
    throw AccessError(.pluginFailed, "There are no plug-ins here.")
  }
}

extension Kubeconfig {
  /// A cluster with one user, who has a token.
  static func test(
    server: String = "https://cluster.example:6443/", token: String? = "secret-token"
  ) throws -> Kubeconfig {
    var config = Kubeconfig()
    config.currentContext = "test"
    config.contexts["test"] = Context(cluster: "test", user: "test", namespace: "shop")
    config.clusters["test"] = Cluster(server: server)
    var user = User()
    user.token = token.map { Secret($0) }
    config.users["test"] = user
    return config
  }
}

/// The error that work ends with; nil when it succeeds.
func failure<Value>(
  of work: () async throws(APIError) -> Value
) async -> APIError? {
  do throws(APIError) {
    _ = try await work()
    return nil
  } catch {
    return error
  }
}

/// Keeps words in the order in which they came.
final class Counter: Sendable {
  private let state = Mutex<[String]>([])
  var words: [String] { state.withLock { $0 } }
  func add(_ word: String) { state.withLock { $0.append(word) } }
}
