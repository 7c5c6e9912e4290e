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
    let ended = try await Tool.run("windlass", ["stage", directory, "--json"])
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
  private let stage: String
  /// What this test started itself, which must not outlive it.
  private let started = Mutex<[Int32]>([])

  /// Sets the stage for a service of the example's feeds.
  init(service: String = "beacon", replicas: Int = 2, spec: String = "") async throws {
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
    try "sqlite://\(directory)/data/beacon.db\n".write(
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
    try await Tool.run(
      "windlass", ["agent", "--config", config, "--state", state, "--once", "--json"],
      environment: bootEnvironment.merging(environment) { $1 })
  }

  /// Runs the daemon until every service is at rest, as a person reads it.
  func explained() async throws -> Ended {
    try await Tool.run("windlass", ["agent", "--config", config, "--state", state, "--once"])
  }

  /// Starts the daemon.
  func agent(_ environment: [String: String] = [:]) throws -> Running {
    try start(
      ["agent", "--config", config, "--state", state], bootEnvironment.merging(environment) { $1 })
  }

  /// Starts a load against the service's public port.
  func load(rate: Int = 300) throws -> Running {
    try start(["load", "--port", "\(port)", "--rate", "\(rate)", "--json"])
  }

  private func start(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> Running {
    let running = try Running("windlass", arguments, environment: environment)
    started.withLock { $0.append(running.pid) }
    return running
  }

  /// Ends the load and says what was lost.
  func account(_ load: Running) async throws -> (total: Int64, lost: Int64, report: String) {
    let ended = await load.end(by: SIGTERM)
    // One line a while, and the whole account last.
    let last = try #require(ended.output.split(separator: "\n").last { $0.contains("total") })
    let report = try JSONValue.parse(Array(last.utf8))
    return (
      try #require(report["total"]?.integer), try #require(report["lost"]?.integer), ended.output
    )
  }

  /// The rows of a query on the service's database.
  func rows(_ query: String) throws -> [[SQLValue]] {
    let connection = try SQLiteConnection(SQLiteOptions(path: database, access: .readWrite))
    return try connection.rows(query, limit: 1_000).map(\.values)
  }

  /// The status of the service, asked of the running daemon; nil while it does not answer.
  func status() async throws -> JSONValue? {
    let ended = try await Tool.run("windlass", ["status", "--state", state, "--json"])
    guard ended.status == 0 else { return nil }
    let lines = ended.output.split(separator: "\n")
    return try lines.first.map { try JSONValue.parse(Array($0.utf8)) }
  }

  /// A person's command to the running daemon.
  func command(_ words: String...) async throws -> Ended {
    try await Tool.run("windlass", words + ["--state", state])
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

  /// Waits until something is so, within a minute.
  func waitUntil(_ what: String, isSo: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while !isSo() {
      try #require(ContinuousClock.now < deadline, "waited in vain for \(what)")
      await Task.yield()
      usleep(1_000)
    }
  }

  // MARK: The machine

  private var bootID: String { directory + "/boot_id" }

  /// Nothing, unless this machine plays boots.
  private var bootEnvironment: [String: String] {
    FileManager.default.fileExists(atPath: bootID) ? ["WINDLASS_BOOT_ID_PATH": bootID] : [:]
  }

  /// Gives this machine a boot of its own, unlike all before.
  func boot() throws {
    try "\(UUID().uuidString.lowercased())\n".write(
      toFile: bootID, atomically: true, encoding: .utf8)
  }

  /// Ends everything at once, as a loss of power does.
  func goDown() async throws {
    for pid in processes() { kill(pid, SIGKILL) }
    try await waitUntil("the end of everything") { processes().isEmpty }
  }

  /// Listens on the service's port in its stead; returns the socket, which the caller closes.
  func occupyPort() throws -> Int32 {
    let descriptor = socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = Self.loopback(port: UInt16(port))
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isHeld = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0
      }
    }
    try #require(isHeld)
    return descriptor
  }

  /// The copies of the database that rehearsals have made and not removed.
  func scratchCopies() -> [String] {
    let folder = state + "/services/\(service)/scratch"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasSuffix(".db") }
  }

  /// The path of a published archive.
  func archive(_ name: String) -> String { "\(stage)/archives/\(name)" }

  /// The pids of everything that was started for this service and lives.
  func processes(named part: String = "") -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).sorted().filter { pid in
      guard pid != getpid(),
        let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
      else { return false }
      let line = String(decoding: words, as: UTF8.self)
      return line.contains(directory) && line.contains(part)
    }
  }

  /// Ends everything that this service started, and removes its files.
  func strike() {
    // A pid that ended was reaped by this process, and is not given away within a test.
    for pid in started.withLock({ $0 }) + processes() { kill(pid, SIGKILL) }
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// Lends the stage to a test, and strikes it whatever happens.
  static func with(
    service: String = "beacon", replicas: Int = 2, spec: String = "",
    _ body: (Theatre) async throws -> Void
  ) async throws {
    let theatre = try await Theatre(service: service, replicas: replicas, spec: spec)
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

  private static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }

  private static func freePort() throws -> Int {
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
