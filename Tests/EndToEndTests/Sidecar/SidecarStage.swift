import CurlTransport
import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

/// Replicas of Beacon with a launcher and a sidecar each, as the pods of a deployment have them:
/// they share the database, the feed and the volume of backups, and nothing else.
final class SidecarStage {
  /// One pod.
  final class Replica {
    let folder: String
    let port: Int
    var launcher: Program?
    var sidecar: Program?

    init(folder: String, port: Int) {
      self.folder = folder
      self.port = port
    }

    var state: String { folder + "/state" }
  }

  let directory: String
  let replicas: [Replica]
  private let stage: String
  private let url: String
  private let transport: CurlTransport

  init(replicas count: Int, url: String) async throws {
    let published = try await Publisher.shared.stage()
    stage = published.directory
    self.url = url
    transport = try CurlTransport()
    directory =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("windlass-sidecar-\(UUID().uuidString)").path
    let key = try #require(published.keys["beacon"]?.string)
    var made: [Replica] = []
    for number in 1...count {
      made.append(Replica(folder: "\(directory)/pod-\(number)", port: try Theatre.freePort()))
    }
    replicas = made
    for folder in ["\(directory)/pub", "\(directory)/backups"] + replicas.map(\.folder) {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    try "\(url)\n".write(toFile: directory + "/database-url", atomically: true, encoding: .utf8)
    for replica in replicas {
      try configuration(of: replica, key: key).write(
        toFile: replica.folder + "/service.yaml", atomically: true, encoding: .utf8)
    }
  }

  private func configuration(of replica: Replica, key: String) -> String {
    """
    apiVersion: windlass.dev/v1alpha1
    kind: ManagedService
    metadata: {name: beacon}
    spec:
      source:
        manifest:
          url: "file://\(directory)/pub/manifest.json"
          service: beacon
          interval: 1s
          publicKeys: ["\(key)"]
      database:
        urlFrom: {file: \(directory)/database-url}
        inject: {env: BEACON_DB, format: url}
      backup: {directory: \(directory)/backups}
      fleet:
        processes:
          command: ["{artifact}/beacon", "serve"]
          replicas: \(replicas.count)
          listen: [{name: http, address: "127.0.0.1:\(replica.port)"}]
          readiness: {path: /healthz}
          version: {path: /version, pointer: /version}
          drain: 5s
          grace: 2s
      rollout:
        observe: 200ms
        stability: 200ms
        soak: 200ms
        progressDeadline: 2m
    """
  }

  /// Publishes an edition of the feed, signature first.
  func publish(_ edition: String) throws {
    for ending in [".json.minisig", ".json"] {
      let bytes = try Data(
        contentsOf: URL(fileURLWithPath: "\(stage)/feeds/beacon/\(edition)\(ending)"))
      try bytes.write(
        to: URL(fileURLWithPath: "\(directory)/pub/manifest\(ending)"), options: .atomic)
    }
  }

  /// Starts the main container of a pod, whose environment tells the database.
  func launch(_ replica: Replica) throws {
    replica.launcher = try Program(
      "windlass", ["launch", "--folder", replica.folder + "/launcher"],
      environment: ["BEACON_DB": url])
  }

  private func words(_ replica: Replica, wake: String) -> [String] {
    [
      "agent", "--config", replica.folder + "/service.yaml", "--state", replica.state,
      "--launcher", replica.folder + "/launcher", "--wake", wake,
    ]
  }

  /// Starts the sidecar of a pod.
  func attend(_ replica: Replica, wake: String = "file") throws {
    replica.sidecar = try Program("windlass", words(replica, wake: wake))
  }

  /// Runs the sidecar of a pod until the service is at rest.
  func once(_ replica: Replica, wake: String = "file") async throws -> Ended {
    try await Program("windlass", words(replica, wake: wake) + ["--once", "--json"]).end()
  }

  /// What a replica says that it runs; nil while it does not answer.
  func version(of replica: Replica) async -> String? {
    let limits = HTTPLimits(bodySizeMax: 65_536, deadline: .seconds(5), keepsConnection: false)
    do throws(HTTPError) {
      let reply = try await transport.send(
        HTTPRequest(url: "http://127.0.0.1:\(replica.port)/version"), limits: limits)
      return try? JSONValue.parse(reply.body)["version"]?.string
    } catch {
      return nil
    }
  }

  /// What all replicas say that they run.
  func versions() async -> [String?] {
    var versions: [String?] = []
    for replica in replicas { versions.append(await version(of: replica)) }
    return versions
  }

  /// The status of the service, from the sidecar that leads; nil while none answers.
  ///
  /// - Parameter silent: one that is not asked, as it can't answer.
  func status(
    besides silent: Replica? = nil
  ) async throws -> (leader: Replica, status: JSONValue)? {
    for replica in replicas where replica !== silent {
      let ended = try await Program("windlass", ["status", "--state", replica.state, "--json"])
        .end()
      if ended.status == 0, let line = ended.output.split(separator: "\n").first {
        return (replica, try JSONValue.parse(Array(line.utf8)))
      }
    }
    return nil
  }

  /// Waits until the condition holds, at most four minutes.
  func wait(
    _ what: String, until isSo: () async throws -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(240)
    while ContinuousClock.now < deadline {
      if try await isSo() { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    let said = replicas.map { $0.sidecar?.errors.suffix(1_500) ?? "" }.joined(separator: "\n---\n")
    Issue.record("\(what) did not come about; versions \(await versions()):\n\(said)")
    throw CancellationError()
  }

  /// Ends everything that was started, and removes the files.
  func strike() {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
      let living = processes()
      if living.isEmpty { break }
      for pid in living { kill(pid, SIGKILL) }
      poll(nil, 0, 10)
    }
    // What stays is swept with the system's temporary files.
    try? TemporaryDirectory.remove(directory)
  }

  private func processes() -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).filter { pid in
      guard pid != getpid(),
        let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
      else { return false }
      return String(decoding: words, as: UTF8.self).contains(directory)
    }
  }
}
