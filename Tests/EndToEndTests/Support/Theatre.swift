import Foundation
import Glibc
import SQLiteDriver
import Synchronization
import Testing
import WindlassCore
import WindlassWire

/// What Beacon's publisher publishes, made once for all tests of this process.
actor Publisher {
  static let shared = Publisher()
  private var making: Task<(directory: String, keys: JSONValue), any Error>?

  /// The directory with archives and feeds, and the public key of each service.
  func stage() async throws -> (directory: String, keys: JSONValue) {
    let task = making ?? Task { try await Self.make() }
    making = task
    return try await task.value
  }

  private static func make() async throws -> (directory: String, keys: JSONValue) {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("windlass-stage-\(getpid())").path
    let ended = try await Program("windlass", ["stage", directory, "--json"]).end()
    #expect(ended.status == 0, "\(ended.errors)")
    let result = try JSONValue.parse(Array(ended.output.utf8))
    let keys = try #require(result["publicKeys"])
    return (directory, keys)
  }
}

/// One service of its own: directory, port, feed, configuration; everything that it started is gone
/// after `strike()`.
final class Theatre: Sendable {
  let directory: String
  let port: Int
  let service: String
  /// Where the publisher has its archives and feeds.
  let stage: String
  /// What this test started itself, which must not outlive it.
  private let started = Mutex<[Program]>([])

  /// Sets the stage for a service of the example's feeds.
  ///
  /// - Parameter url: its database; nil for a file of SQLite.
  init(
    service: String = "beacon", replicas: Int = 2, spec: String = "", url: String? = nil
  ) async throws {
    let stage = try await Publisher.shared.stage()
    self.stage = stage.directory
    self.service = service
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("windlass-e2e-\(UUID().uuidString)")
    for name in ["data", "pub"] {
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent(name), withIntermediateDirectories: true)
    }
    directory = folder.path
    port = try Self.freePort()
    let database = url ?? "sqlite://\(directory)/data/beacon.db"
    try "\(database)\n".write(
      toFile: directory + "/database-url", atomically: true, encoding: .utf8)
    let key = try #require(stage.keys[service]?.string)
    try configuration(key: key, replicas: replicas, spec: spec).write(
      toFile: config, atomically: true, encoding: .utf8)
  }

  var config: String { directory + "/service.yaml" }
  var state: String { directory + "/state" }
  var database: String { directory + "/data/beacon.db" }

  private func configuration(key: String, replicas: Int, spec: String) -> String {
    """
    apiVersion: windlass.dev/v1alpha1
    kind: ManagedService
    metadata: {name: \(service)}
    spec:
      source:
        manifest:
          url: "file://\(directory)/pub/manifest.json"
          service: \(service)
          interval: 1s
          publicKeys: ["\(key)"]
      database:
        urlFrom: {file: \(directory)/database-url}
        inject: {env: BEACON_DB, format: url}
      fleet:
        processes:
          command: ["{artifact}/beacon", "serve"]
          replicas: \(replicas)
          listen: [{name: http, address: "127.0.0.1:\(port)"}]
          readiness: {path: /healthz}
          version: {path: /version, pointer: /version}
          drain: 5s
          grace: 2s
      rollout:
        observe: 200ms
        stability: 200ms
        soak: 200ms
        progressDeadline: 30s
    \(spec)
    """
  }

  /// Publishes an edition of the feed, such as `1.1.0`; signature first, as careful publishers do.
  func publish(_ edition: String) throws {
    for ending in [".json.minisig", ".json"] {
      let source = "\(stage)/feeds/\(service)/\(edition)\(ending)"
      let bytes = try Data(contentsOf: URL(fileURLWithPath: source))
      let name = ending == ".json" ? "manifest.json" : "manifest.json.minisig"
      try bytes.write(to: URL(fileURLWithPath: directory + "/pub/" + name), options: .atomic)
    }
  }

  /// Runs the daemon until every service is at rest.
  func once(_ environment: [String: String] = [:]) async throws -> Ended {
    try await Program(
      "windlass", ["agent", "--config", config, "--state", state, "--once", "--json"],
      environment: bootEnvironment.merging(environment) { $1 }
    ).end()
  }

  /// Runs the daemon until every service is at rest, as a person reads it.
  func explained() async throws -> Ended {
    try await Program("windlass", ["agent", "--config", config, "--state", state, "--once"]).end()
  }

  /// Starts the daemon.
  func agent(_ environment: [String: String] = [:]) throws -> Program {
    try start(
      ["agent", "--config", config, "--state", state], bootEnvironment.merging(environment) { $1 })
  }

  /// Starts a load against the service's public port.
  func load(rate: Int = 300) throws -> Program {
    try start(["load", "--port", "\(port)", "--rate", "\(rate)", "--json"])
  }

  private func start(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> Program {
    let running = try Program("windlass", arguments, environment: environment)
    started.withLock { $0.append(running) }
    return running
  }

  /// Ends the load and says what was lost.
  func account(
    _ load: Program
  ) async throws -> (total: Int64, lost: Int64, retried: Int64, report: String) {
    let ended = await load.end(by: SIGTERM)
    // One line a while, and the whole account last.
    let last = try #require(ended.output.split(separator: "\n").last { $0.contains("total") })
    let report = try JSONValue.parse(Array(last.utf8))
    return (
      try #require(report["total"]?.integer), try #require(report["lost"]?.integer),
      try #require(report["retried"]?.integer), ended.output
    )
  }

  /// The rows of a query on the service's database.
  func rows(_ query: String) throws -> [[SQLValue]] {
    let connection = try SQLiteConnection(SQLiteOptions(path: database, access: .readWrite))
    return try connection.rows(query, limit: 1_000).map(\.values)
  }

  /// The status of the service, asked of the running daemon; nil while it does not answer.
  func status() async throws -> JSONValue? {
    let ended = try await Program("windlass", ["status", "--state", state, "--json"]).end()
    guard ended.status == 0 else { return nil }
    let lines = ended.output.split(separator: "\n")
    return try lines.first.map { try JSONValue.parse(Array($0.utf8)) }
  }

  /// A person's command to the running daemon.
  func command(_ words: String...) async throws -> Ended {
    try await Program("windlass", words + ["--state", state]).end()
  }

  /// Changes the configuration file; the next daemon reads it.
  func configure(_ old: String, _ new: String) throws {
    let text = try String(contentsOfFile: config, encoding: .utf8)
    try #require(text.contains(old))
    try text.replacingOccurrences(of: old, with: new).write(
      toFile: config, atomically: true, encoding: .utf8)
  }

  /// Waits until the running daemon's status is as wanted, within a minute.
  func wait(
    _ what: String, until isSo: (JSONValue) -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    var last: JSONValue?
    while ContinuousClock.now < deadline {
      last = try await status() ?? last
      if let last, isSo(last) { return }
    }
    Issue.record("\(what) did not come about within a minute; last: \(last?.text ?? "no status")")
    throw CancellationError()
  }

  /// The pids of everything that was started for this service and lives.
  func processes(named part: String = "") -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).sorted().filter { pid in
      guard pid != getpid(),
        let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
      else { return false }
      let line = String(decoding: words, as: UTF8.self)
      // Foundation finds no empty text in any other.
      return line.contains(directory) && (part.isEmpty || line.contains(part))
    }
  }

  /// Ends everything that this service started, and removes its files.
  func strike() {
    for program in started.withLock({ $0 }) { program.send(SIGKILL) }
    // One that was about to start another when it was killed leaves that one behind: look again
    // until nobody is found.
    let deadline = ContinuousClock.now + .seconds(5)
    var living = processes()
    while !living.isEmpty, ContinuousClock.now < deadline {
      for pid in living { kill(pid, SIGKILL) }
      poll(nil, 0, 10)
      living = processes()
    }
    // What stays is swept with the system's temporary files.
    try? TemporaryDirectory.remove(directory)
  }

  /// Lends the stage to a test, and strikes it whatever happens.
  static func with(
    service: String = "beacon", replicas: Int = 2, spec: String = "", url: String? = nil,
    _ body: (Theatre) async throws -> Void
  ) async throws {
    let theatre = try await Theatre(
      service: service, replicas: replicas, spec: spec, url: url)
    defer { theatre.strike() }
    try await body(theatre)
  }

  /// Lends the stage with 1.0.0 installed.
  static func withInstalled(
    spec: String = "", _ body: (Theatre) async throws -> Void
  ) async throws {
    try await with(spec: spec) { theatre in
      try theatre.publish("1.0.0")
      let ended = try await theatre.once()
      try #require(ended.status == 0, "\(ended.errors)")
      try await body(theatre)
    }
  }

  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int in
        guard bind(descriptor, pointer, size) == 0, getsockname(descriptor, pointer, &size) == 0
        else { return 0 }
        return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          Int(UInt16(bigEndian: $0.pointee.sin_port))
        }
      }
    }
    try #require(port > 0)
    return port
  }
}
