import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What stands in the way of a roll, one finding for each cause and none without.
struct WorkloadPreflightTests {
  private let image = "registry.example/web@sha256:" + String(repeating: "1", count: 64)

  private func document(
    replicas: Int64 = 3, container: JSONValue = .object([]), pod: JSONValue = .object([])
  ) -> JSONValue {
    var one: JSONValue = [
      "name": "web", "image": .string(image), "readinessProbe": ["httpGet": ["port": 80]],
      "lifecycle": ["preStop": ["sleep": ["seconds": 10]]],
    ]
    for member in container.object ?? [] {
      one = one.setting(member.name, to: member.value.isNull ? nil : member.value)
    }
    var spec: JSONValue = ["containers": [one], "terminationGracePeriodSeconds": 30]
    for member in pod.object ?? [] { spec = spec.setting(member.name, to: member.value) }
    return [
      "metadata": ["name": "web", "namespace": "shop", "uid": "u"],
      "spec": [
        "replicas": .integer(replicas), "selector": ["matchLabels": ["app": "web"]],
        "template": ["metadata": ["labels": ["app": "web"]], "spec": spec],
      ],
    ]
  }

  private func preflight(
    _ document: JSONValue, _ kind: WorkloadKind = .deployment, container: String = "web"
  ) -> WorkloadPreflight {
    WorkloadPreflight(
      place: WorkloadPlace(kind, "web", in: "shop", container: container),
      live: KubernetesObject(document), rules: DrainRules())
  }

  private func codes(_ preflight: WorkloadPreflight) -> [WorkloadFinding.Code] {
    preflight.findings.map(\.code)
  }

  @Test func `a workload that is set up well has no finding`() {
    #expect(codes(preflight(document())) == [])
    #expect(codes(preflight(document(), .statefulSet)) == [])
  }

  @Test func `where somebody else owns the roll, only what its pods are like matters`() {
    var gated = preflight(document().setting(["spec", "replicas"], to: 0))
    #expect(codes(gated) == [.nothingRuns])
    gated.isGated = true
    #expect(codes(gated) == [])
    var bare = preflight(document(container: ["readinessProbe": .null]))
    bare.isGated = true
    #expect(codes(bare) == [.noReadinessProbe])
  }

  @Test func `what ends a pod too early is found with the numbers that would do`() {
    let none = preflight(document(container: ["lifecycle": .null]))
    #expect(codes(none) == [.noEndpointDelay])
    #expect(none.findings.first?.message.contains("lifecycle.preStop.sleep.seconds: 10") == true)
    let short = preflight(document(pod: ["terminationGracePeriodSeconds": 20]))
    #expect(codes(short) == [.graceTooShort])
    #expect(short.findings.first?.message.contains("terminationGracePeriodSeconds: 25") == true)
    let long: JSONValue = ["lifecycle": ["preStop": ["sleep": ["seconds": 20]]]]
    #expect(codes(preflight(document(container: long))) == [.graceTooShort])
  }

  @Test(
    arguments: [
      (["sleep", "10"], true), (["/bin/sleep", "12"], true), (["sh", "-c", "sleep 10"], true),
      (["sh", "-c", "sleep 9"], false), (["sh", "-c", "nginx -s quit"], false),
      (["sh", "-c", "sleep 10 || true; quit"], false),
    ] as [([String], Bool)])
  func `a hook that only sleeps counts as a delay`(_ command: [String], _ isEnough: Bool) {
    let words = JSONValue.array(command.map { .string($0) })
    let hook: JSONValue = ["lifecycle": ["preStop": ["exec": ["command": words]]]]
    #expect(codes(preflight(document(container: hook))).isEmpty == isEnough)
  }

  @Test func `a pod whose readiness nobody asks for is found`() {
    #expect(codes(preflight(document(container: ["readinessProbe": .null]))) == [.noReadinessProbe])
  }

  @Test func `too few pods are found, and what it means depends on how they are replaced`() {
    let weights = { (preflight: WorkloadPreflight) in
      preflight.findings.map { "\($0.code) \($0.weight)" }
    }
    #expect(weights(preflight(document(replicas: 0))) == ["nothingRuns blocks"])
    #expect(weights(preflight(document(replicas: 1))) == ["onlyOneReplica warns"])
    #expect(weights(preflight(document(replicas: 1), .statefulSet)) == ["onlyOneReplica blocks"])
    let nodes = document().setting("status", to: ["desiredNumberScheduled": 1])
    #expect(
      weights(preflight(nodes, .daemonSet)) == [
        "onlyOneReplica blocks", "unboundedByController warns",
      ])
  }

  @Test func `a container that is not named, or not there, is found`() {
    #expect(codes(preflight(document(), container: "")) == [.containerUnnamed])
    let missing = preflight(document(), container: "app")
    #expect(codes(missing) == [.containerMissing])
    #expect(missing.findings.first?.message.contains("only web") == true)
  }

  @Test func `an image that a tag names is found`() {
    #expect(codes(preflight(document(container: ["image": "web:1.0"]))) == [.imageWithoutDigest])
  }

  @Test func `fields of others are found with the fix, and adoption makes them a warning`() {
    let fields: JSONValue = [
      "f:spec": [
        "f:template": ["f:spec": ["f:containers": ["k:{\"name\":\"web\"}": ["f:image": [:]]]]]
      ]
    ]
    let entry: JSONValue = [
      "manager": "argocd-controller", "operation": "Apply", "time": "2026-01-01T00:00:00Z",
      "fieldsV1": fields,
    ]
    let owned = document().setting(["metadata", "managedFields"], to: [entry])
    var preflight = preflight(owned)
    #expect(codes(preflight) == [.fieldsOwned])
    #expect(preflight.findings.first?.weight == .blocks)
    #expect(
      preflight.findings.first?.message.contains("managedFieldsManagers: [windlass]") == true)
    preflight.adopts = true
    #expect(preflight.findings.first?.weight == .warns)
  }

  @Test func `a foreign hold is found with its owner`() {
    var preflight = preflight(document())
    preflight.hold = .foreign("kubectl-rollout")
    #expect(codes(preflight) == [.pausedByOther])
    #expect(preflight.findings.first?.message.hasPrefix("kubectl-rollout holds") == true)
    preflight.hold = .ours
    #expect(codes(preflight) == [])
  }

  @Test func `budgets and autoscalers of this workload are found, and no others`() {
    let budget = { (label: String, allowed: Int64) in
      KubernetesObject([
        "metadata": ["name": "keep"],
        "spec": ["selector": ["matchLabels": ["app": .string(label)]]],
        "status": ["disruptionsAllowed": .integer(allowed)],
      ])
    }
    let autoscaler = { (name: String) in
      KubernetesObject([
        "metadata": ["name": "grow"],
        "spec": ["scaleTargetRef": ["kind": "Deployment", "name": .string(name)]],
      ])
    }
    var preflight = preflight(document())
    preflight.budgets = [budget("web", 0), budget("web", 1), budget("other", 0)]
    preflight.autoscalers = [autoscaler("web"), autoscaler("other")]
    #expect(codes(preflight) == [.budgetAllowsNone, .autoscaled])
    #expect(preflight.findings.allSatisfy { $0.weight == .warns })
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a preflight reads the cluster, and says what it may not read`(
    kind: WorkloadKind
  ) async throws {
    let world = try await WorkloadWorld.running(kind)
    await world.send(
      "POST", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
      [
        "metadata": ["name": "keep"],
        "spec": ["minAvailable": 3, "selector": ["matchLabels": ["app": "web"]]],
      ])
    try await world.pass(.seconds(10))
    await world.plan(
      ClusterFault(.forbid, verbs: ["list"], resource: "horizontalpodautoscalers.autoscaling"))
    let findings = try await world.connect().preflight()
    let found = Set(findings.map(\.code))
    #expect(found.isSuperset(of: [.noReadinessProbe, .noEndpointDelay, .fieldsOwned, .unread]))
    #expect(found.contains(.budgetAllowsNone))
    let weights = findings.map(\.weight)
    #expect(weights == weights.filter { $0 == .blocks } + weights.filter { $0 == .warns })
  }
}
