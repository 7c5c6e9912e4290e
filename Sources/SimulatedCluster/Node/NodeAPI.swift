package import KubernetesFleet
import WindlassCore
package import WindlassWire

/// The requests that the parts of a node send.
package struct NodeAPI: Sendable {
  let transport: any HTTPTransport
  let server: String
  private let token: String
  /// Who the parts are, as managed fields tell it.
  private let agent: String
  private let random: any RandomSource

  /// Requests to a server.
  ///
  /// - Parameters:
  ///   - server: scheme, host and port.
  ///   - token: of a user who may do all.
  ///   - random: spreads what its clients repeat.
  package init(
    _ transport: any HTTPTransport, server: String, token: String, agent: String = "kubelet",
    random: any RandomSource = SystemRandom()
  ) {
    self.transport = transport
    self.server = server
    self.token = token
    self.agent = agent
    self.random = random
  }

  /// Host and port of the server, as containers are told them.
  var place: (host: String, port: String) {
    let rest = server.split(separator: "/").dropFirst().first ?? ""
    let parts = rest.split(separator: ":").map(String.init)
    let usual = server.hasPrefix("https:") ? "443" : "80"
    return (parts.first ?? "", parts.count > 1 ? parts[1] : usual)
  }

  /// The same server, as another part of the node.
  func speaking(as agent: String) -> NodeAPI {
    NodeAPI(transport, server: server, token: token, agent: agent, random: random)
  }

  /// An answer: its status and document.
  struct Answer: Sendable {
    var status: Int
    var body: JSONValue

    var isGood: Bool { (200..<300).contains(status) }
  }

  /// Sends a request; nil when no answer came, or none that can be read.
  func send(
    _ method: String, _ path: String, _ body: JSONValue? = nil,
    type: String = "application/json"
  ) async -> Answer? {
    var headers = [
      HTTPHeader("Accept", "application/json"), HTTPHeader("User-Agent", agent),
      HTTPHeader("Authorization", "Bearer \(token)"),
    ]
    if body != nil { headers.append(HTTPHeader("Content-Type", type)) }
    let request = HTTPRequest(
      method: method, url: server + path, headers: headers, body: body?.bytes)
    let limits = HTTPLimits(bodySizeMax: 64 << 20, deadline: .seconds(20))
    guard let answer = try? await transport.send(request, limits: limits),
      let document = try? JSONValue.parse(
        answer.body, limits: JSONLimits(sizeMax: 64 << 20, depthMax: 100, elementsMax: 1_000_000))
    else { return nil }
    return Answer(status: answer.status, body: document)
  }

  /// A client for those who follow collections.
  func client(_ clock: any RunClock) throws -> KubernetesClient {
    let transport = transport
    return KubernetesClient(
      try ClusterAccess(Kubeconfig(server: server, token: Secret(token))), fieldManager: agent,
      clock: clock, random: random, plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
  }

  private struct NoPlugins: PluginRunner {
    func run(
      _ plugin: Kubeconfig.Plugin, information: String
    ) async throws(AccessError) -> [UInt8] {
      throw AccessError(.pluginFailed, "A node has no plug-ins.")
    }
  }
}
