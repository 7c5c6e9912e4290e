import SimulatedCluster
import Synchronization
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Binds and runs the pods of steps as a test says, writing what a kubelet would.
final class TestKubelet: Sendable {
  /// What becomes of a pod.
  enum Fate: Sendable {
    /// It runs and ends so; the text is its termination message.
    case end(code: Int64, message: String, reason: String = "")
    /// This is all that its kubelet tells.
    case status(JSONValue)
    /// It runs until the test says otherwise.
    case run
    /// A container waits for this reason.
    case wait(String, detail: String = "")
    /// No node takes it.
    case unschedulable
    /// It runs, and the node throws it out.
    case evict
    /// It runs, and its node falls silent.
    case lost
    /// It is left alone.
    case ignore
  }

  private let world: ClusterWorld
  private let fate: @Sendable (KubernetesObject) -> Fate
  private let done = Mutex<Set<String>>([])
  private let started = Mutex<[String]>([])
  /// Names of pods that vanish: nobody sees their ends.
  private let torn = Mutex<Set<String>>([])

  init(_ world: ClusterWorld, fate: @escaping @Sendable (KubernetesObject) -> Fate) {
    self.world = world
    self.fate = fate
  }

  /// Names of Jobs whose pods were started, in order.
  var jobs: [String] { started.withLock { $0 } }

  /// Cares for pods until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      for pod in await pods() { await care(for: pod) }
      try? await Task.sleep(for: .milliseconds(5))
    }
  }

  private func pods() async -> [KubernetesObject] {
    let answer = await send("GET", "/api/v1/namespaces/shop/pods", nil)
    guard case .json(let list) = answer.body else { return [] }
    return (list["items"]?.array ?? []).map(KubernetesObject.init)
  }

  private func care(for pod: KubernetesObject) async {
    let phase = pod.body.value(at: "/status/phase")?.string ?? ""
    guard !torn.withLock({ $0.contains(pod.name) }) else { return }
    if pod.isDeleting {
      if case .lost = fate(pod) { return }
      await remove(pod, phase)
      return
    }
    guard !done.withLock({ $0.contains(pod.uid) }) else { return }
    _ = done.withLock { $0.insert(pod.uid) }
    let fate = fate(pod)
    if case .ignore = fate { return }
    if case .unschedulable = fate {
      let condition: JSONValue = [
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available",
      ]
      return await write(["phase": "Pending", "conditions": [condition]], pod)
    }
    started.withLock { $0.append(pod.labels["job-name"] ?? "") }
    _ = await send(
      "POST", "/api/v1/namespaces/shop/pods/\(pod.name)/binding", ["target": ["name": "node-a"]])
    await write(status(fate), pod)
    if case .evict = fate {
      let condition: JSONValue = [
        "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet",
      ]
      await write(
        ["phase": "Failed", "reason": "Evicted", "conditions": [condition]], pod)
    }
  }

  private func status(_ fate: Fate) -> JSONValue {
    let container = { (state: JSONValue) -> JSONValue in
      [["name": "step", "state": state, "restartCount": 0]]
    }
    switch fate {
    case .status(let status): return status
    case .end(let code, let message, let reason):
      let state: JSONValue = [
        "terminated": [
          "exitCode": .integer(code), "message": .string(message), "reason": .string(reason),
          "finishedAt": "2026-11-27T05:00:00Z",
        ]
      ]
      return [
        "phase": code == 0 ? "Succeeded" : "Failed", "containerStatuses": container(state),
      ]
    case .wait(let reason, let detail):
      let state: JSONValue = ["waiting": ["reason": .string(reason), "message": .string(detail)]]
      return ["phase": "Pending", "containerStatuses": container(state)]
    case .run, .evict, .lost, .ignore, .unschedulable:
      return [
        "phase": "Running",
        "containerStatuses": container(["running": ["startedAt": "2026-11-27T05:00:00Z"]]),
      ]
    }
  }

  /// A pod that is to go is killed, shows its end, and is then gone.
  private func remove(_ pod: KubernetesObject, _ phase: String) async {
    if phase == "Running" {
      await write(status(.end(code: 137, message: "", reason: "Error")), pod)
    }
    await forget(pod.name)
  }

  /// Lets a pod that runs end.
  func end(_ pod: KubernetesObject, _ message: StepMessage, code: Int64 = 0) async {
    await write(
      status(.end(code: code, message: String(decoding: message.bytes, as: UTF8.self))), pod)
  }

  /// Removes a pod's object at once, as a forced deletion does; its process may live on.
  func forget(_ name: String) async {
    _ = await send(
      "DELETE", "/api/v1/namespaces/shop/pods/\(name)?gracePeriodSeconds=0", nil)
  }

  /// Takes the finalizers away and the object with them. A controller may write the pod meanwhile,
  /// so that it takes more than one attempt; the kubelet looks away.
  func tear(_ name: String) async {
    _ = torn.withLock { $0.insert(name) }
    let path = "/api/v1/namespaces/shop/pods/\(name)"
    while await send("GET", path, nil).status != 404 {
      await send("PATCH", path, ["metadata": ["finalizers": .null]])
      await forget(name)
    }
  }

  private func write(_ status: JSONValue, _ pod: KubernetesObject) async {
    _ = await send(
      "PATCH", "/api/v1/namespaces/shop/pods/\(pod.name)/status", ["status": status])
  }

  @discardableResult
  private func send(_ method: String, _ path: String, _ body: JSONValue?) async -> APIResponse {
    let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
    return await world.host.respond(
      to: APIRequest(
        method: method, path: path,
        headers: [
          HTTPHeader("Authorization", "Bearer kubelet-token"), HTTPHeader("Content-Type", type),
        ], body: body?.bytes ?? []))
  }
}

/// What stands between a daemon and the server; a type, so that no closure is taken for it.
struct StepTransport: Sendable {
  var wrap: @Sendable (any HTTPTransport) -> any HTTPTransport = { $0 }
}

/// A cluster in which steps are run.
struct StepWorld: Sendable {
  let cluster: ClusterWorld
  let kubelet: TestKubelet
  let watch: StepWatch
  let scope: StepScope
  let runner: StepRunner

  /// Another daemon that comes to the same run with nothing in its memory.
  func successor() -> StepRunner {
    StepRunner(
      scope, client: cluster.client,
      watch: StepWatch(cluster.client, service: "beacon", namespace: "shop"))
  }

  /// The Jobs that are there, in the order of their attempts.
  func jobs() async throws -> [KubernetesObject] {
    try await cluster.client.list(Selection(.jobs, in: "shop")).objects
  }

  /// The pods that are there.
  func pods() async throws -> [KubernetesObject] {
    try await cluster.client.list(Selection(.pods, in: "shop")).objects
  }

  /// Lets something go wrong from now on.
  func disturb(_ faults: ClusterFault...) async {
    await cluster.host.change { $0.faults = FaultPlan(faults) }
  }

  /// How often faults struck.
  func strikes() async -> Int { await cluster.host.change { $0.faults.strikes.count } }

  /// Runs a test in a new cluster whose time goes fast.
  static func with(
    follows: Bool = true, rate: Int64 = 20,
    changes: [(path: String, value: JSONValue?)] = [],
    through transport: StepTransport = StepTransport(),
    fate: @escaping @Sendable (KubernetesObject, StepScope) -> TestKubelet.Fate = StepWorld.good,
    _ body: @escaping @Sendable (StepWorld) async throws -> Void
  ) async throws {
    try await ClusterWorld.with(
      .inProcess, clock: FastClock(rate: rate), wrap: transport.wrap
    ) { cluster in
      await cluster.host.change { $0.addAdministrator("kubelet", token: "kubelet-token") }
      // The collector of a cluster removes what belongs to an owner that is not there.
      let run = try await ownerUID(cluster)
      let scope = try Steps.scope(
        changes, owner: StepOwner(.configMaps, name: "run", uid: run))
      let kubelet = TestKubelet(cluster) { fate($0, scope) }
      let watch = StepWatch(cluster.client, service: "beacon", namespace: "shop")
      let world = StepWorld(
        cluster: cluster, kubelet: kubelet, watch: watch, scope: scope,
        runner: StepRunner(scope, client: cluster.client, watch: watch))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await kubelet.run() }
        if follows { group.addTask { await watch.run() } }
        defer { group.cancelAll() }
        try await body(world)
      }
    }
  }

  /// Makes the owner of all Jobs, past whatever the transport does to replies.
  private static func ownerUID(_ cluster: ClusterWorld) async throws -> String {
    for _ in 0..<50 {
      // A reply that was lost is read back in the next turn.
      if let found = try? await cluster.client.get(.configMap("run")) { return found.uid }
      _ = try? await cluster.create("run")
    }
    return try await cluster.create("run").uid
  }

  /// The Jobs that are there once nothing goes wrong any more.
  func settledJobs(_ chaos: Chaos) async throws -> [KubernetesObject] {
    chaos.stop()
    return try await jobs()
  }

  /// The order that a pod carries out.
  static func order(of pod: KubernetesObject) -> StepOrder? {
    let words = (pod.body.value(at: "/spec/containers/0/args")?.array ?? []).compactMap(\.string)
    guard let place = words.firstIndex(of: "--order"), place + 1 < words.count else { return nil }
    return StepOrder(text: words[place + 1])
  }

  /// Every step succeeds.
  static func good(_ pod: KubernetesObject, _ scope: StepScope) -> TestKubelet.Fate {
    guard let order = order(of: pod) else { return .end(code: 2, message: "") }
    return .end(code: 0, message: text(answer(to: order, scope)))
  }

  /// What a good step says.
  static func answer(to order: StepOrder, _ scope: StepScope) -> StepMessage {
    let receipt = BackupReceipt(
      id: "b", run: "beacon-1", purpose: .beforeExpand, digest: Steps.digest, systemID: "s",
      schema: 1, isVerified: true)
    let result: StepResult =
      switch order {
      case .fence(let current, _): .fenced(current?.next ?? Epoch(1))
      case .inspect:
        .ledger(
          LedgerMessage(
            LedgerReading(version: 1, epoch: Epoch(7), asOf: Timestamp(milliseconds: 0))))
      case .backUp, .verify, .checkBackup: .backup(receipt)
      case .prove, .goOn:
        .verdict(Verdict(judgement: .safe, checks: 3, coversRollback: true, evidence: ["good"]))
      case .probe: .probed([])
      case .visit: .visited("{}")
      case .prepare, .preflight, .apply, .commit, .prune, .checkFence, .command,
        .isolate:
        .nothing
      }
    return StepMessage(
      kind: order.kind, plan: scope.document.digest, order: order.digest, result: result)
  }

  static func text(_ message: StepMessage) -> String {
    String(decoding: message.bytes, as: UTF8.self)
  }
}

/// The failure that work ends with; nil when it succeeds.
func stepFailure<Value>(
  of work: () async throws(StepFailure) -> Value
) async -> StepFailure? {
  do throws(StepFailure) {
    _ = try await work()
    return nil
  } catch {
    return error
  }
}
