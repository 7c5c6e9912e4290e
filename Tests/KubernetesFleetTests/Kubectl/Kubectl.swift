import Foundation
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation

/// The real kubectl against a simulated cluster over HTTP.
struct Kubectl: Sendable {
  /// Where the program is: WINDLASS_KUBECTL, or where `.ci/kubectl.sh` puts it.
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["HOME"] ?? ""
    let cache = geteuid() == 0 ? "/var/cache" : environment["XDG_CACHE_HOME"] ?? "\(home)/.cache"
    return [environment["WINDLASS_KUBECTL"], "\(cache)/windlass/kubectl/bin/kubectl"]
      .compactMap { $0 }.first { access($0, X_OK) == 0 }
  }()

  let host: ClusterHost
  let folder: URL

  /// What a run printed and how it ended.
  struct Outcome: Sendable {
    var status: Int32
    var output: String
    var errors: String
  }

  /// Runs a test against a new cluster with a namespace `shop`.
  static func with(_ body: @Sendable (Kubectl) async throws -> Void) async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    let host = ClusterHost(server, clock: clock)
    let face = try await HTTPFace(host, guestToken: "admin-token")
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("windlass-kubectl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let config = """
      apiVersion: v1
      kind: Config
      current-context: simulated
      clusters: [{name: simulated, cluster: {server: "http://127.0.0.1:\(face.port)"}}]
      users: [{name: admin, user: {}}]
      contexts:
      - {name: simulated, context: {cluster: simulated, user: admin, namespace: shop}}

      """
    try config.write(
      to: folder.appendingPathComponent("config"), atomically: true, encoding: .utf8)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await face.run() }
      defer { group.cancelAll() }
      try await body(Kubectl(host: host, folder: folder))
    }
  }

  /// Runs kubectl with these words; a body is its standard input.
  func run(
    _ words: String..., input: String = "", environment: [String: String] = [:]
  ) async throws -> Outcome {
    try await run(words, input: input, environment: environment)
  }

  func run(
    _ words: [String], input: String = "", environment: [String: String] = [:],
    program: String? = Self.path
  ) async throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program ?? "")
    process.arguments = words
    process.environment = [
      "KUBECONFIG": folder.appendingPathComponent("config").path, "HOME": folder.path,
      "PATH": "/usr/bin:/bin",
    ].merging(environment) { $1 }
    // Files hold what a pipe would block on.
    let number = UUID().uuidString
    let paths = ["in", "out", "err"].map { folder.appendingPathComponent("\(number).\($0)") }
    try input.write(to: paths[0], atomically: true, encoding: .utf8)
    for path in paths[1...] { _ = FileManager.default.createFile(atPath: path.path, contents: nil) }
    process.standardInput = try FileHandle(forReadingFrom: paths[0])
    process.standardOutput = try FileHandle(forWritingTo: paths[1])
    process.standardError = try FileHandle(forWritingTo: paths[2])
    try process.run()
    let deadline = ContinuousClock.now + .seconds(60)
    while process.isRunning, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(10))
    }
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus,
      output: try String(contentsOf: paths[1], encoding: .utf8),
      errors: try String(contentsOf: paths[2], encoding: .utf8))
  }

  /// Runs kubectl, which must succeed and complain of nothing, and returns what it printed.
  @discardableResult
  func succeed(
    _ words: String..., input: String = "", environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> String {
    let outcome = try await run(words, input: input, environment: environment)
    #expect(
      outcome.status == 0 && outcome.errors.isEmpty,
      "kubectl \(words.joined(separator: " ")): \(outcome.errors)",
      sourceLocation: sourceLocation)
    return outcome.output
  }

  /// Writes a file and returns its path.
  func write(_ text: String, to name: String) throws -> String {
    let file = folder.appendingPathComponent(name)
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }
}
