import Testing
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// What controllers of workloads do by themselves, beyond what recordings show.
struct WorkloadTests {
  private let deployments = "/apis/apps/v1/namespaces/default/deployments"

  private func deployment(_ spec: JSONValue, image: String = "v1") -> JSONValue {
    var object = workload(spec, image)
    object.set("app", at: ["metadata", "name"])
    return object
  }

  private func workload(_ spec: JSONValue, _ image: String) -> JSONValue {
    var spec = spec
    spec.set("a", at: ["selector", "matchLabels", "app"])
    spec.set("a", at: ["template", "metadata", "labels", "app"])
    spec.set([["name": "c", "image": .string(image)]], at: ["template", "spec", "containers"])
    return ["metadata": ["name": "set"], "spec": spec]
  }

  private func image(_ name: String) -> JSONValue {
    ["spec": ["template": ["spec": ["containers": [["name": "c", "image": .string(name)]]]]]]
  }

  @Test(
    arguments: [
      ("25%", "25%", Int64(3), Int64(5)), (1, 0, 4, 5), (0, 1, 3, 4), (0, 0, 3, 4),
      ("100%", "50%", 2, 8),
    ] as [(JSONValue, JSONValue, Int64, Int64)])
  func `a rolling update keeps as many pods as its bounds allow`(
    _ surge: JSONValue, _ missing: JSONValue, _ least: Int64, _ most: Int64
  ) {
    var world = WorkloadWorld()
    let body = deployment([
      "replicas": 4,
      "strategy": ["rollingUpdate": ["maxSurge": surge, "maxUnavailable": missing]],
    ])
    world.send("POST", deployments, body)
    world.run(seconds: 5)
    world.send("PATCH", deployments + "/app", image("v2"))
    var available: [Int64] = []
    var total: [Int64] = []
    for _ in 0..<400 {
      world.run(milliseconds: 50)
      available.append(Int64(world.pods.filter { $0.isActivePod && $0.isReady }.count))
      total.append(Int64(world.pods.filter(\.isActivePod).count))
    }
    #expect(available.min() ?? 0 >= least)
    #expect(total.max() ?? 0 <= most)
    #expect(world.images == ["v2", "v2", "v2", "v2"])
    let status = world.get(deployments + "/app")["status"] ?? .null
    #expect(status["updatedReplicas"] == 4)
    #expect(status["unavailableReplicas"] == nil)
  }

  @Test func `a Deployment that is scaled in mid-rollout shares the replicas out`() {
    var world = WorkloadWorld()
    let body = deployment([
      "replicas": 10, "strategy": ["rollingUpdate": ["maxSurge": 3, "maxUnavailable": 2]],
    ])
    world.send("POST", deployments, body)
    world.run(seconds: 5)
    world.send("PATCH", deployments + "/app", image("broken"))
    world.run(seconds: 5)
    let sizes = { (world: WorkloadWorld) in
      world.objects("replicasets.apps").map { $0.count("spec", "replicas") }.sorted()
    }
    #expect(sizes(world) == [5, 8])
    world.send("PATCH", deployments + "/app", ["spec": ["replicas": 15]])
    world.run(seconds: 5)
    #expect(sizes(world) == [7, 11])
  }

  @Test func `old ReplicaSets beyond the limit of history are deleted`() {
    var world = WorkloadWorld()
    world.send("POST", deployments, deployment(["replicas": 1, "revisionHistoryLimit": 2]))
    for turn in 2...6 {
      world.run(seconds: 10)
      world.send("PATCH", deployments + "/app", image("v\(turn)"))
    }
    world.run(seconds: 10)
    #expect(world.objects("replicasets.apps").count == 3)
    let revision = world.get(deployments + "/app").annotation(DeploymentTurn.revision)
    #expect(revision == "6")
  }

  @Test func `a name that is taken makes the Deployment count a collision`() {
    var world = WorkloadWorld()
    let body = deployment(["replicas": 1])
    world.send("POST", deployments, body)
    world.run(seconds: 1)
    let taken = world.objects("replicasets.apps")
    world.send("DELETE", deployments + "/app?propagationPolicy=Orphan", nil)
    world.run(seconds: 5)
    world.send("POST", deployments, body)
    world.run(seconds: 5)
    #expect(world.objects("replicasets.apps").count == 2)
    #expect(taken.count == 1)
    #expect(world.get(deployments + "/app").count("status", "collisionCount") == 1)
  }

  @Test func `a parallel StatefulSet makes all pods at once, an ordered one the first`() {
    for (policy, count) in [("Parallel", 3), ("OrderedReady", 1)] {
      var world = WorkloadWorld()
      let body = workload(
        ["replicas": 3, "serviceName": "s", "podManagementPolicy": .string(policy)], "v1")
      world.send("POST", "/apis/apps/v1/namespaces/default/statefulsets", body)
      world.run(milliseconds: 100)
      #expect(world.pods.count == count)
    }
  }

  @Test func `a StatefulSet that shrinks gives up its last pods first`() {
    var world = WorkloadWorld()
    let path = "/apis/apps/v1/namespaces/default/statefulsets"
    world.send("POST", path, workload(["replicas": 3, "serviceName": "s"], "v1"))
    world.run(seconds: 10)
    #expect(world.pods.map(\.name) == ["set-0", "set-1", "set-2"])
    world.send("PATCH", path + "/set", ["spec": ["replicas": 1]])
    world.run(seconds: 10)
    #expect(world.pods.map(\.name) == ["set-0"])
  }

  @Test func `a DaemonSet puts a pod on a new node, and takes it from one that is gone`() {
    var world = WorkloadWorld()
    let nodes = "/api/v1/nodes"
    for name in ["n1", "n2"] {
      world.send("POST", nodes, ["metadata": ["name": .string(name)]])
    }
    world.send("POST", "/apis/apps/v1/namespaces/default/daemonsets", workload([:], "v1"))
    world.run(seconds: 5)
    #expect(world.pods.count == 2)
    world.send("POST", nodes, ["metadata": ["name": "n3"]])
    world.run(seconds: 5)
    #expect(world.pods.count == 3)
    world.send("DELETE", nodes + "/n1", nil)
    world.run(seconds: 5)
    #expect(world.pods.count == 2)
  }

  @Test(
    arguments: [
      ("maxUnavailable", 1, Int64(1)), ("maxUnavailable", "50%", 2), ("minAvailable", "75%", 1),
      ("minAvailable", 4, 0),
    ] as [(String, JSONValue, Int64)])
  func `a budget allows as many evictions as its bound leaves`(
    _ bound: String, _ value: JSONValue, _ allowed: Int64
  ) {
    var world = WorkloadWorld()
    world.send("POST", deployments, deployment(["replicas": 4]))
    world.run(seconds: 5)
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    let selector: JSONValue = ["matchLabels": ["app": "a"]]
    let spec = JSONValue.object([JSONMember(bound, value), JSONMember("selector", selector)])
    world.send("POST", path, ["metadata": ["name": "b"], "spec": spec])
    world.run(seconds: 1)
    #expect(world.get(path + "/b").count("status", "disruptionsAllowed") == allowed)
    let answers = world.pods.map { pod in
      world.send(
        "POST", "/api/v1/namespaces/default/pods/\(pod.name)/eviction",
        ["metadata": ["name": .string(pod.name)]])
    }
    #expect(answers.filter { $0.status == 201 }.count == Int(allowed))
    #expect(answers.filter { $0.status == 429 }.count == 4 - Int(allowed))
  }
}

/// A cluster whose pods run at once, but for those of a broken image.
struct WorkloadWorld {
  private(set) var server: SimulatedAPIServer
  private var now = Timestamp(milliseconds: 1_800_000_000_000)

  init() {
    server = SimulatedAPIServer(at: now)
    server.addAdministrator("admin", token: "t")
  }

  @discardableResult
  mutating func send(_ method: String, _ path: String, _ body: JSONValue?) -> APIResponse {
    let type = "application/\(method == "PATCH" ? "strategic-merge-patch+" : "")json"
    let headers = [
      HTTPHeader("Authorization", "Bearer t"), HTTPHeader("Content-Type", type),
    ]
    return server.respond(
      to: APIRequest(method: method, path: path, headers: headers, body: body?.bytes ?? []),
      at: now)
  }

  mutating func get(_ path: String) -> JSONValue {
    guard case .json(let body) = send("GET", path, nil).body else { return .null }
    return body
  }

  /// Makes things go wrong from now on.
  mutating func strike(_ faults: FaultPlan) { server.faults = faults }

  /// What a watch has to say within some seconds.
  mutating func watch(_ path: String, seconds: Int64 = 1) -> WatchReport {
    guard case .watch(let identity) = send("GET", path, nil).body else {
      return WatchReport(events: [], ended: nil)
    }
    return server.drain(identity, until: now + .seconds(seconds))
  }

  mutating func run(seconds: Int64) { run(milliseconds: seconds * 1_000) }

  /// Lets time pass; every tenth of a second pods become ready or are gone.
  mutating func run(milliseconds: Int64) {
    let end = now + .milliseconds(milliseconds)
    while now < end {
      now = min(end, now + .milliseconds(50))
      server.advance(to: now)
      for pod in pods { tend(pod) }
    }
  }

  private mutating func tend(_ pod: JSONValue) {
    let path = "/api/v1/namespaces/default/pods/\(pod.name)"
    if pod.isTerminating {
      send("DELETE", path + "?gracePeriodSeconds=0", nil)
    } else if pod.at("spec", "nodeName") == nil {
      let wanted = DaemonSetTurn.node(of: pod)
      let node = JSONValue.string(wanted.isEmpty ? "n1" : wanted)
      send("POST", path + "/binding", ["target": ["name": node]])
    } else if pod.at("status", "phase") == "Pending" {
      var running = pod
      let isReady = pod.at("spec", "containers")?.elements.first?["image"] != "broken"
      running[member: "status"] = [
        "phase": "Running",
        "conditions": [["type": "Ready", "status": isReady ? "True" : "False"]],
      ]
      send("PUT", path + "/status", running)
    }
  }

  func objects(_ resource: String) -> [JSONValue] {
    server.store.objects(of: resource, namespace: "default").map(\.object)
  }

  var pods: [JSONValue] { objects("pods") }

  var images: [String] {
    pods.compactMap { $0.at("spec", "containers")?.elements.first?["image"]?.string }
  }
}
