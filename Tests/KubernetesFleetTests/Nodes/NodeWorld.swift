import CurlTransport
import Foundation
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// A simulated cluster with a namespace `shop` and a node that runs pods as processes.
struct NodeWorld: Sendable {
  let client: KubernetesClient
  let api: NodeAPI
  let clock: HostClock
  let folder: URL
  let settings: NodeSettings
  let transport: ClusterTransport

  /// Runs a test in a new world; `change` makes the node another one.
  static func with(
    lag: Interval = .zero, mounts: MountWay = .possible,
    change: (inout NodeSettings) -> Void = { _ in },
    _ body: @Sendable (NodeWorld) async throws -> Void
  ) async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    // Tests run side by side, on one loopback network.
    server.serviceNetwork = (96, UInt8.random(in: 0...255))
    let transport = ClusterTransport(ClusterHost(server, clock: clock))
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("windlass-node-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = "http://simulated.invalid"
    var settings = NodeSettings(
      name: "node-a", folder: folder.appendingPathComponent("node").path,
      subnet: (UInt8.random(in: 32...95), UInt8.random(in: 0...255)))
    settings.mounts = mounts
    settings.crashDelay = .milliseconds(400)
    settings.images.add("registry.example.com/tools", "/bin/sh")
    settings.images.add("registry.example.com/server", Self.server)
    change(&settings)
    let api = NodeAPI(transport, server: url, token: "admin-token")
    let client = KubernetesClient(
      try ClusterAccess(try .test(server: url, token: "admin-token")), clock: clock,
      plugins: NoPlugins(), bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
    let world = NodeWorld(
      client: client, api: api, clock: clock, folder: folder, settings: settings,
      transport: transport)
    try await withThrowingTaskGroup(of: Void.self) { group in
      let set = NodeSet([settings], api, clock: clock, endpointLag: EndpointLag(lag))
      group.addTask { try await set.run() }
      defer { group.cancelAll() }
      try await body(world)
    }
  }

  /// A program that answers HTTP: the simulated cluster itself.
  private static var server: String {
    URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent("SimulatedCluster").path
  }

  /// Creates an object of the namespace from its document.
  @discardableResult
  func create(
    _ type: KubernetesFleet.ResourceType, _ name: String, _ members: JSONValue
  ) async throws -> KubernetesObject {
    try await client.create(
      KubernetesObject(ObjectReference(type, name, in: "shop"), members.object ?? []), as: type)
  }

  /// Creates a pod.
  @discardableResult
  func run(_ name: String, _ spec: JSONValue) async throws -> KubernetesObject {
    try await create(.pods, name, ["spec": spec])
  }

  /// The object of that name now.
  func object(
    _ type: KubernetesFleet.ResourceType, _ name: String
  ) async throws -> JSONValue? {
    try await client.get(ObjectReference(type, name, in: "shop"))?.body
  }

  /// The pod of that name, once it is as it is waited for.
  @discardableResult
  func pod(
    _ name: String, within seconds: Int64 = 120, sourceLocation: SourceLocation = #_sourceLocation,
    until isRight: (JSONValue) -> Bool
  ) async throws -> JSONValue {
    try await wait(.pods, name, within: seconds, sourceLocation: sourceLocation, until: isRight)
  }

  /// The object of that name, once it is as it is waited for.
  @discardableResult
  func wait(
    _ type: KubernetesFleet.ResourceType, _ name: String, within seconds: Int64 = 120,
    sourceLocation: SourceLocation = #_sourceLocation, until isRight: (JSONValue) -> Bool
  ) async throws -> JSONValue {
    let end = clock.now() + .seconds(seconds)
    var last: JSONValue?
    repeat {
      last = try await object(type, name)
      if let last, isRight(last) { return last }
      await clock.sleep(until: clock.now() + .milliseconds(20))
    } while clock.now() < end
    return try #require(
      nil as JSONValue?,
      "\(type.plural) \(name) never came to that: \(last?.text ?? "-")",
      sourceLocation: sourceLocation)
  }

  /// Waits until a pod is gone.
  func waitUntilGone(_ name: String, within seconds: Int64 = 120) async throws -> Bool {
    let end = clock.now() + .seconds(seconds)
    while clock.now() < end {
      if try await object(.pods, name) == nil { return true }
      await clock.sleep(until: clock.now() + .milliseconds(20))
    }
    return false
  }

  /// Waits until a process has ended; one that nobody has reaped yet has.
  func waitUntilDead(_ pid: Int32) async throws -> Bool {
    let end = clock.now() + .seconds(10)
    while clock.now() < end {
      let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
      guard let stat, let name = stat.lastIndex(of: ")") else { return true }
      if stat[stat.index(after: name)...].hasPrefix(" Z") { return true }
      await clock.sleep(until: clock.now() + .milliseconds(20))
    }
    return false
  }

  /// What a file of the test's folder holds.
  func text(_ name: String) -> String {
    (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)) ?? ""
  }

  /// Removes a pod's object without waiting for its node.
  func force(_ name: String) async throws {
    let path = "http://simulated.invalid/api/v1/namespaces/shop/pods/\(name)?gracePeriodSeconds=0"
    _ = try await transport.send(
      HTTPRequest(
        method: "DELETE", url: path, headers: [HTTPHeader("Authorization", "Bearer admin-token")],
        body: nil),
      limits: HTTPLimits(bodySizeMax: 1 << 20, deadline: .seconds(10)))
  }

  func delete(_ name: String) async throws {
    _ = try await client.delete(ObjectReference(.pods, name, in: "shop"), .background)
  }
}

extension JSONValue {
  /// The phase of a pod.
  var phase: String { value(at: "/status/phase")?.string ?? "" }

  /// Whether a pod is ready.
  var isReadyPod: Bool {
    (value(at: "/status/conditions")?.array ?? []).contains {
      $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
    }
  }

  /// The status of a container of a pod.
  func container(_ index: Int = 0) -> JSONValue {
    value(at: "/status/containerStatuses/\(index)") ?? .null
  }
}
