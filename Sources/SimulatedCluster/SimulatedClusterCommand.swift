import ArgumentParser
import Glibc
import WindlassCore
import WindlassSimulation

/// Serves a simulated Kubernetes API server, for tests and for trying things by hand.
@main struct SimulatedClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "SimulatedCluster",
    abstract: "Serve a simulated Kubernetes API server over HTTP.",
    discussion: """
      It keeps everything in memory. There is no TLS, and kubectl sends no credentials without: with \
      --open, who brings none may do all.

      With --node, pods are run as processes of this machine: images stand for local files, named by \
      --image, and addresses of pods and Services are ones of 127.0.0.0/8.

      Example: SimulatedCluster --port 8001 --open --kubeconfig /tmp/simulated.yaml \
      --node node-a --image registry.example.com/beacon=.build/debug/beacon
      """)

  @Option(help: "The address to listen on.") var address = "127.0.0.1"
  @Option(help: "The port to listen on; 0 takes a free one.") var port = 0
  @Option(help: "Makes uids and generated names.") var seed: UInt64 = 1
  @Option(help: "The token of the administrator.") var token = "administrator"
  @Option(help: "A user and his token, as NAME=TOKEN; may be repeated.") var user: [String] = []
  @Option(help: "A user who may do all and his token, as NAME=TOKEN; may be repeated.")
  var administrator: [String] = []
  @Flag(help: "Let those who bring no token do all.") var open = false
  @Option(help: "Write a kubeconfig for the administrator to this file.") var kubeconfig: String?

  @Option(help: "Writes that are remembered for watches and old lists.") var history = 200_000

  @Option(help: "A node that runs pods; may be repeated.") var node: [String] = []
  @Flag(help: "Run no pods, and say of each that it works, and of steps what they would say.")
  var standIn = false
  @Option(help: "A local file or folder for an image, as NAME=PATH; may be repeated.")
  var image: [String] = []
  @Option(help: "Where the nodes keep their files.") var folder = "/tmp/simulated-nodes"
  @Option(
    help: """
      How much later it is told that a pod is ready no more, as 2s, or as 0s-5s for another time \
      between these for each pod; up to 1m.
      """)
  var endpointLag: EndpointLagBounds?
  @Option(help: "How mounts come about: namespace (root alone) or rewriting.")
  var mounts = MountWay.possible

  func validate() throws {
    for pair in image where !pair.contains("=") {
      throw ValidationError("--image takes NAME=PATH, not \(pair)")
    }
    for pair in administrator where !pair.contains("=") {
      throw ValidationError("--administrator takes NAME=TOKEN, not \(pair)")
    }
    guard !standIn || node.isEmpty else {
      throw ValidationError("--stand-in and --node exclude each other")
    }
    guard history >= 100 else { throw ValidationError("--history takes at least 100") }
    guard (0...65_535).contains(port) else { throw ValidationError("--port takes 0 to 65535") }
    for pair in user where !pair.contains("=") {
      throw ValidationError("--user takes NAME=TOKEN, not \(pair)")
    }
  }

  func run() async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now(), seed: seed)
    server.historyMax = history
    server.addAdministrator("admin", token: token)
    for pair in user {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      server.addUser(parts[0], token: parts.count > 1 ? parts[1] : "")
    }
    for pair in administrator {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      server.addAdministrator(parts[0], token: parts.count > 1 ? parts[1] : "")
    }
    let host = ClusterHost(server, clock: clock)
    let face = try await HTTPFace(
      host, address: address, port: port,
      guestToken: open ? token : nil)
    let url = "http://\(address.contains(":") ? "[\(address)]" : address):\(face.port)"
    if let kubeconfig { try write(Self.config(url, token), to: kubeconfig) }
    // Whoever started this reads the line to learn the port; nobody sees it in a buffer.
    print("serving \(url)")
    fflush(nil)
    let nodes = node.enumerated().map { settings($1, UInt8($0 % 128)) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await face.run() }
      let api = NodeAPI(ClusterTransport(host), server: "http://simulated.invalid", token: token)
      if standIn {
        let node = StandInNode(api, clock: clock, work: FixedSteps(clock: clock))
        group.addTask { try await node.run() }
      }
      if !nodes.isEmpty {
        let bounds = endpointLag?.bounds ?? (Interval.zero...Interval.zero)
        let set = NodeSet(
          nodes, api, clock: clock, endpointLag: EndpointLag(bounds, seed: seed))
        group.addTask { try await set.run() }
      }
      try await group.waitForAll()
    }
  }

  private func settings(_ name: String, _ number: UInt8) -> NodeSettings {
    var settings = NodeSettings(
      name: name, folder: "\(folder)/\(name)", subnet: (32, number * 2))
    for pair in image {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      settings.images.add(parts[0], parts.count > 1 ? parts[1] : "")
    }
    settings.mounts = mounts
    return settings
  }

  /// A kubeconfig that leads to this server.
  static func config(_ url: String, _ token: String) -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: simulated
    clusters:
    - name: simulated
      cluster: {server: "\(url)"}
    users:
    - name: admin
      user: {token: "\(token)"}
    contexts:
    - name: simulated
      context: {cluster: simulated, user: admin}

    """
  }

  private func write(_ text: String, to path: String) throws {
    let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    let bytes = Array(text.utf8)
    guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw ValidationError("--kubeconfig \(path) can't be written; name another file")
    }
    close(descriptor)
  }
}

extension MountWay: ExpressibleByArgument {}
