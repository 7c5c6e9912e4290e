import DeployedCluster
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What is told when a right is missing, one at a time, and that its return is enough.
@Suite(.serialized)
struct MissingRightTests {
  @Test func `the error names the verb, the resource, the namespace and the fix`() async throws {
    let granted = Right.granted(by: try Installation().documents)
    #expect(granted.count > 20)
    try await Installation.withCluster { cluster, client in
      for right in granted.sorted() {
        try await change(right, isGranted: false, in: cluster)
        let error = try #require(await failure(of: right, client), "\(right)")
        let parts = right.resource.split(separator: "/").map(String.init)
        let plural = parts[0] + (right.group.isEmpty ? "" : ".\(right.group)")
        #expect(error.code == .forbidden, "\(right): \(error)")
        #expect(error.disposition == .wait)
        #expect(error.right?.description == right.sentence)
        #expect(error.description.contains("lacks the right to \(right.sentence)"))
        let question =
          parts.count > 1 ? "\(plural) --subresource \(parts[1])" : plural
        #expect(error.description.contains("kubectl auth can-i \(right.verb) \(question)"))
        try await change(right, isGranted: true, in: cluster)
        #expect(await failure(of: right, client)?.code != .forbidden, "\(right)")
      }
    }
  }

  @Test(arguments: [("configmaps", "", "create"), ("jobs", "batch", "create")])
  func `a step says what it lacks, waits, and goes on once it has it`(
    resource: String, group: String, verb: String
  ) async throws {
    let right = Right(verb: verb, group: group, resource: resource, namespace: "shop")
    try await Installation.withCluster { cluster, client in
      try await change(right, isGranted: false, in: cluster)
      let scope = try Steps.scope(
        owner: StepOwner(.configMaps, name: "run", uid: try await cluster.create("run").uid)
      ) { $0.image = Installation.image }
      let kubelet = TestKubelet(cluster) { StepWorld.good($0, scope) }
      let watch = StepWatch(client, service: "beacon", namespace: "shop")
      let database = JobDatabase(StepRunner(scope, client: client, watch: watch))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await kubelet.run() }
        group.addTask { await watch.run() }
        defer { group.cancelAll() }
        let lacking = await stepFailure { () throws(StepFailure) in _ = try await database.inspect()
        }
        #expect(lacking?.disposition == .wait)
        #expect(lacking?.message.contains("lacks the right to create \(resource)") == true)
        try await change(right, isGranted: true, in: cluster)
        let after = await stepFailure { () throws(StepFailure) in _ = try await database.inspect() }
        #expect(after == nil)
      }
    }
  }

  // MARK: - Roles

  private func change(_ right: Right, isGranted: Bool, in cluster: ClusterWorld) async throws {
    let host = cluster.host
    try await Installation().change(right, isGranted: isGranted) { await host.respond(to: $0) }
  }

  // MARK: - Requests

  /// What comes of a request that needs just that right; nil when it is carried out.
  private func failure(of right: Right, _ client: KubernetesClient) async -> APIError? {
    let parts = right.resource.split(separator: "/").map(String.init)
    let type = ResourceType(
      group: right.group, version: versions[right.group] ?? "v1", plural: parts[0],
      kind: kinds[parts[0]] ?? "", isNamespaced: !right.namespace.isEmpty)
    let place = right.namespace.isEmpty ? nil : right.namespace
    let names = ["leases": "windlass-operator", "configmaps": "windlass-trust-none"]
    let name = names[parts[0]] ?? "none"
    let one = ObjectReference(type, name, in: place)
    let subresource = parts.count > 1 ? parts[1] : nil
    do throws(APIError) {
      switch right.verb {
      case "create": _ = try await client.create(sample(one), as: type)
      case "get": _ = try await client.get(one)
      case "list": _ = try await client.list(Selection(type, in: place))
      case "patch":
        _ = try await client.patch(one, .merge(.object([])), subresource: subresource)
      case "update":
        let object = KubernetesObject(
          KubernetesObject(one).body.setting(["metadata", "resourceVersion"], to: "1"))
        _ = try await client.replace(object, as: type, subresource: subresource)
      case "delete": _ = try await client.delete(one, .background)
      case "watch":
        let end = await client.watch(
          Selection(type, in: place), from: .initialEvents, lasting: .seconds(1)
        ) { _ in }
        guard case .broken(let error) = end else { return nil }
        throw error
      default: Issue.record("no request is known for \(right)")
      }
      return nil
    } catch {
      return error
    }
  }

  /// An object that the admission policies let through.
  private func sample(_ one: ObjectReference) -> KubernetesObject {
    switch one.type {
    case .jobs:
      let scope = try? Steps.scope(settings: { $0.image = Installation.image })
      return scope.map { StepJob(scope: $0, order: .inspect, attempt: 1).object }
        ?? KubernetesObject(one)
    case .configMaps: return KubernetesObject(one, [JSONMember("immutable", true)])
    default: return KubernetesObject(one)
    }
  }

  private let versions = ["autoscaling": "v2", "windlass.dev": "v1alpha1"]
  private let kinds = [
    "configmaps": "ConfigMap", "jobs": "Job", "leases": "Lease", "upgraderuns": "UpgradeRun",
    "managedservices": "ManagedService", "events": "Event",
  ]
}
