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
      It has no nodes and keeps everything in memory. There is no TLS, and kubectl sends no \
      credentials without: with --open, who brings none may do all.

      Example: SimulatedCluster --port 8001 --open --kubeconfig /tmp/simulated.yaml
      """)

  @Option(help: "The address to listen on.") var address = "127.0.0.1"
  @Option(help: "The port to listen on; 0 takes a free one.") var port = 0
  @Option(help: "Makes uids and generated names.") var seed: UInt64 = 1
  @Option(help: "The token of the administrator.") var token = "administrator"
  @Option(help: "A user and his token, as NAME=TOKEN; may be repeated.") var user: [String] = []
  @Flag(help: "Let those who bring no token do all.") var open = false
  @Option(help: "Write a kubeconfig for the administrator to this file.") var kubeconfig: String?

  func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("--port takes 0 to 65535") }
    for pair in user where !pair.contains("=") {
      throw ValidationError("--user takes NAME=TOKEN, not \(pair)")
    }
  }

  func run() async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now(), seed: seed)
    server.addAdministrator("admin", token: token)
    for pair in user {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      server.addUser(parts[0], token: parts.count > 1 ? parts[1] : "")
    }
    let face = try await HTTPFace(
      ClusterHost(server, clock: clock), address: address, port: port,
      guestToken: open ? token : nil)
    let url = "http://\(address.contains(":") ? "[\(address)]" : address):\(face.port)"
    if let kubeconfig { try write(Self.config(url, token), to: kubeconfig) }
    // Whoever started this reads the line to learn the port; nobody sees it in a buffer.
    print("serving \(url)")
    fflush(nil)
    try await face.run()
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
