import DeployedCluster
import SimulatedCluster
import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What the admission policies of `deploy/` let the operator do, and what not.
struct PolicyTests {
  /// A change of a Job that its policy refuses, and the words by which it does.
  struct Stray: Sendable, CustomTestStringConvertible {
    let name: String
    /// Below the pod's specification; numbers count in lists.
    let path: String
    let value: JSONValue?
    let words: String

    var testDescription: String { name }
  }

  private static let strays = [
    Stray(
      name: "a foreign image", path: "containers/0/image",
      value: .string("registry.example/evil@sha256:\(Steps.digest)"), words: "its own image"),
    Stray(
      name: "a service's image by its tag", path: "containers/0/image",
      value: "registry.example/beacon:1.1.0", words: "by digest"),
    Stray(
      name: "a repository whose name only begins like one that is allowed",
      path: "containers/0/image",
      value: .string("registry.example/beacon-evil@sha256:\(Steps.digest)"), words: "by digest"),
    Stray(
      name: "a foreign image in an init container", path: "initContainers",
      value: [["name": "x", "image": "registry.example/evil"]], words: "its own image"),
    Stray(
      name: "another account", path: "serviceAccountName", value: "default",
      words: "windlass-step"),
    Stray(
      name: "a token", path: "automountServiceAccountToken", value: true, words: "no token"),
    Stray(
      name: "a token by default", path: "automountServiceAccountToken", value: nil,
      words: "no token"),
    Stray(
      name: "a foreign Secret in a variable", path: "containers/0/env",
      value: [["name": "X", "valueFrom": ["secretKeyRef": ["name": "tls", "key": "key"]]]],
      words: "`secrets`"),
    Stray(
      name: "a foreign Secret as all variables", path: "containers/0/envFrom",
      value: [["secretRef": ["name": "tls"]]], words: "`secrets`"),
    Stray(
      name: "a foreign Secret as a volume", path: "volumes",
      value: [["name": "x", "secret": ["secretName": "tls"]]], words: "mounts only"),
    Stray(
      name: "a foreign claim", path: "volumes",
      value: [["name": "x", "persistentVolumeClaim": ["claimName": "other"]]],
      words: "mounts only"),
    Stray(
      name: "a projected Secret or token", path: "volumes",
      value: [["name": "x", "projected": ["sources": [["secret": ["name": "tls"]]]]]],
      words: "mounts only"),
    Stray(
      name: "a folder of the node", path: "volumes",
      value: [["name": "x", "hostPath": ["path": "/"]]], words: "mounts only"),
    Stray(name: "the node's network", path: "hostNetwork", value: true, words: "its node"),
    Stray(name: "the node's processes", path: "hostPID", value: true, words: "its node"),
    Stray(
      name: "privilege", path: "containers/0/securityContext", value: ["privileged": true],
      words: "its node"),
  ]

  private static func job(_ order: StepOrder) throws -> KubernetesObject {
    let scope = try Steps.scope(settings: { $0.image = Installation.image })
    return StepJob(
      scope: scope, order: order, attempt: 1,
      image: "registry.example/beacon@sha256:\(Steps.digest)"
    ).object
  }

  /// A world with the policies, and what becomes of a Job there.
  private func outcome(
    _ job: KubernetesObject, as token: String = Installation.token,
    allowed: JSONValue? = Installation.allowed
  ) async throws -> APIError? {
    try await created(job, as: .jobs, token: token, allowed: allowed)
  }

  private func created(
    _ object: KubernetesObject, as type: ResourceType, token: String = Installation.token,
    allowed: JSONValue? = Installation.allowed
  ) async throws -> APIError? {
    let result = Found()
    try await ClusterWorld.with(.inProcess) { world in
      try await Installation(allowed: allowed).put(into: world.host)
      let client = try world.makeClient(token, "windlass")
      do throws(APIError) {
        _ = try await client.create(object, as: type)
      } catch { await result.set(error) }
    }
    return await result.error
  }

  private actor Found {
    var error: APIError?
    func set(_ error: APIError) { self.error = error }
  }

  @Test(arguments: Steps.all)
  func `each step's Job is let through`(order: StepOrder) async throws {
    #expect(try await outcome(try Self.job(order)) == nil)
  }

  @Test(arguments: strays)
  func `a Job that is no step's is refused, with the reason`(stray: Stray) async throws {
    var job = try Self.job(.verify("b"))
    job.body = job.body.setting(
      ["spec", "template", "spec"],
      to: Self.changed(
        job.body.value(behind: ["spec", "template", "spec"]) ?? .null,
        stray.path.split(separator: "/").map(String.init), stray.value))
    let error = try #require(try await outcome(job))
    #expect(error.code == .forbidden)
    #expect(error.detail.contains("ValidatingAdmissionPolicy 'windlass-jobs'"), "\(error)")
    #expect(error.detail.contains(stray.words), "\(error)")
    // What people create is none of its business.
    #expect(try await outcome(job, as: "admin-token") == nil)
  }

  @Test func `without a person's list nothing is created`() async throws {
    let error = try #require(try await outcome(try Self.job(.inspect), allowed: nil))
    #expect(error.detail.contains("no params found"), "\(error)")
    let empty = try #require(try await outcome(try Self.job(.inspect), allowed: .object([])))
    #expect(empty.detail.contains("`secrets`"), "\(empty)")
  }

  @Test func `the operator does not write the list itself`() async throws {
    let list = KubernetesObject(
      ObjectReference(.configMaps, "windlass-allowed", in: "shop"),
      [JSONMember("immutable", true), JSONMember("data", ["secrets": "tls"])])
    let error = try #require(try await created(list, as: .configMaps, allowed: nil))
    #expect(error.detail.contains("written by a person"), "\(error)")
    let loose = KubernetesObject(ObjectReference(.configMaps, "plan", in: "shop"))
    let second = try #require(try await created(loose, as: .configMaps))
    #expect(second.detail.contains("makes others immutable"), "\(second)")
  }

  // MARK: - Workloads

  /// Changes of a template that are not the operator's.
  private static let edits: [(path: String, value: JSONValue)] = [
    ("containers/0/image", JSONValue.string("registry.example/evil@sha256:\(Steps.digest)")),
    ("containers/0/image", "registry.example/web:2"),
    (
      "containers/0/env",
      [["name": "X", "valueFrom": ["secretKeyRef": ["name": "a", "key": "b"]]]]
    ),
    ("containers/0/envFrom", [["secretRef": ["name": "a"]]]),
    ("containers/0/command", ["sh"]), ("containers/0/args", ["-c", "x"]),
    ("containers/0/volumeMounts", [["name": "x", "mountPath": "/x"]]),
    ("containers/0/securityContext", ["privileged": true]),
    ("containers/1", ["name": "second", "image": "registry.example/web:1"]),
    ("initContainers", [["name": "x", "image": "registry.example/evil"]]),
    ("volumes", [["name": "x", "secret": ["secretName": "tls"]]]),
    ("serviceAccountName", "admin"), ("hostNetwork", true),
  ]

  @Test(arguments: edits)
  func `nothing of a template but an allowed image is the operator's to change`(
    path: String, value: JSONValue
  ) async throws {
    let world = try await WorkloadWorld.running(
      .deployment, adopted: false, token: Installation.token)
    let before = try world.client()
    try await Installation().put(into: world.host)
    let live = await world.live()
    let template = live.body.value(behind: ["spec", "template", "spec"]) ?? .null
    let names = path.split(separator: "/").map(String.init)
    let change: JSONValue = ["spec": ["template": ["spec": Self.changed(template, names, value)]]]
    var found: APIError?
    do throws(APIError) {
      _ = try await before.patch(world.place.reference, .merge(change))
    } catch { found = error }
    let error = try #require(found)
    #expect(error.detail.contains("ValidatingAdmissionPolicy 'windlass-workloads'"), "\(error)")
  }

  @Test func `replicas stay, and an allowed image is let through`() async throws {
    let world = try await WorkloadWorld.running(
      .deployment, adopted: false, token: Installation.token)
    try await Installation().put(into: world.host)
    let client = try world.client()
    var found: APIError?
    do throws(APIError) {
      _ = try await client.patch(world.place.reference, .merge(["spec": ["replicas": 9]]))
    } catch { found = error }
    #expect(found?.detail.contains("replicas is not Windlass's") == true)
    _ = try await world.connect().adopt()
    let reading = try await world.connect().observe(remembering: [])
    try await world.connect().write(
      WorkloadOrder(
        id: "1", run: "run", epoch: Epoch(1),
        aim: .wave(WaveBound(good: 0, surge: 1, unavailable: 0)),
        release: ClusterWorkloadSubject.release(.second), token: reading.token))
    #expect(
      await world.live().body.value(at: "/spec/template/spec/containers/0/image")?.string
        == WorkloadWorld.images[.second])
  }

  /// A value changed at a path, in which numbers count in lists.
  private static func changed(
    _ value: JSONValue, _ path: [String], _ new: JSONValue?
  ) -> JSONValue {
    guard let first = path.first else { return new ?? .null }
    let rest = Array(path.dropFirst())
    guard let place = Int(first), var items = value.array else {
      let inner = rest.isEmpty ? new : changed(value[first] ?? .object([]), rest, new)
      return value.setting(first, to: inner)
    }
    if place < items.count {
      items[place] = changed(items[place], rest, new)
    } else {
      items.append(new ?? .null)
    }
    return .array(items)
  }
}
