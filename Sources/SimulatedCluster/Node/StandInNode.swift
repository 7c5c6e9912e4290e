import KubernetesFleet
package import WindlassCore
import WindlassWire

/// Stands in for all nodes of a cluster in which nothing is to run: it says of each pod what its
/// kubelet would say of one that works, and of a step's pod what the step would have said.
package actor StandInNode {
  private let api: NodeAPI
  private let clock: any RunClock
  private let work: any StandInWork
  private let pace: StandInPace
  /// Names of the nodes, with how many pods were bound to each.
  private var nodes: [(name: String, pods: Int)]
  /// Plans of runs by the names of their documents, which never change.
  private var plans: [String: Plan] = [:]
  /// Pods that were seen to here, and those of them that are to go.
  private var begun: Set<String> = []
  private var ending: Set<String> = []

  /// A node of the cluster behind the requests.
  ///
  /// - Parameters:
  ///   - work: Does what containers would do.
  ///   - nodes: The names of the nodes.
  package init(
    _ api: NodeAPI, clock: any RunClock, work: any StandInWork,
    pace: StandInPace = StandInPace(), nodes: [String] = ["stand-in"]
  ) {
    self.nodes = nodes.map { ($0, 0) }
    self.api = api
    self.clock = clock
    self.work = work
    self.pace = pace
  }

  /// Cares for all pods until the task is cancelled.
  package func run() async throws {
    await register()
    let (changes, sink) = AsyncStream.makeStream(of: CacheChange.self)
    let pods = Informer(
      try api.client(clock), Selection(.pods), trim: \.trimmed, handlers: [{ sink.yield($0) }])
    await withDiscardingTaskGroup { group in
      group.addTask { await pods.run() }
      for await change in changes {
        let pod = change.object
        if case .removed = change {
          begun.remove(pod.uid)
          ending.remove(pod.uid)
          continue
        }
        switch duty(for: pod) {
        case .begin: group.addTask { await self.begin(pod) }
        case .end: group.addTask { await self.end(pod) }
        case nil: break
        }
      }
      group.cancelAll()
    }
  }

  private func register() async {
    for node in nodes {
      let object: JSONValue = [
        "apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(node.name)],
      ]
      _ = await api.send("POST", "/api/v1/nodes", object)
      let status: JSONValue = [
        "conditions": [["type": "Ready", "status": "True"]],
        "nodeInfo": ["bootID": "00000000-0000-4000-8000-000000000001"],
      ]
      _ = await api.send(
        "PATCH", "/api/v1/nodes/\(node.name)/status", ["status": status],
        type: "application/merge-patch+json")
    }
  }

  /// The node that a pod names, or else the one with the fewest pods.
  private func node(for pod: KubernetesObject) -> String {
    let affinity = pod.body.at(
      "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    let fields = affinity?.list("nodeSelectorTerms").first?.list("matchFields").first
    if let named = fields?.texts("values").first { return named }
    let least = nodes.indices.min { nodes[$0].pods < nodes[$1].pods } ?? 0
    nodes[least].pods += 1
    return nodes[least].name
  }

  // MARK: - One pod

  /// What is to be done about a pod.
  private enum Duty { case begin, end }

  private func duty(for pod: KubernetesObject) -> Duty? {
    if pod.isDeleting { return ending.insert(pod.uid).inserted ? .end : nil }
    return !hasEnded(pod) && begun.insert(pod.uid).inserted ? .begin : nil
  }

  private func hasEnded(_ pod: KubernetesObject) -> Bool {
    ["Succeeded", "Failed"].contains(pod.body.text("status", "phase"))
  }

  private func path(of pod: KubernetesObject) -> String {
    "/api/v1/namespaces/\(pod.namespace ?? "default")/pods/\(pod.name)"
  }

  private func begin(_ pod: KubernetesObject) async {
    if pod.body.text("spec", "nodeName").isEmpty {
      let target: JSONValue = ["target": ["name": .string(node(for: pod))]]
      _ = await api.send("POST", "\(path(of: pod))/binding", target)
    }
    await rest(for: pace.start)
    let order = Self.order(of: pod)
    let step = order == nil ? nil : await step(order, pod)
    // What is to go before it has begun never begins.
    guard !ending.contains(pod.uid), !Task.isCancelled else { return }
    guard let step else {
      work.began(pod)
      let running: JSONValue = ["running": ["startedAt": clock.now().json]]
      return await write(status(pod, phase: "Running", running), pod)
    }
    let message = await work.carryOut(step)
    await rest(for: pace.step)
    // What it has done is done, and who is killed before the end tells nobody.
    guard !ending.contains(pod.uid), !Task.isCancelled else { return }
    let code: Int64 = message.failure == nil ? 0 : 1
    let text = String(decoding: message.bytes, as: UTF8.self)
    await write(
      status(pod, phase: code == 0 ? "Succeeded" : "Failed", terminated(code, text)), pod)
  }

  private func end(_ pod: KubernetesObject) async {
    let isStep = Self.order(of: pod) != nil
    if !hasEnded(pod) {
      await rest(for: pace.drain)
      if !isStep { work.ended(pod) }
      if begun.contains(pod.uid) {
        let code: Int64 = isStep ? 143 : 0
        await write(
          status(pod, phase: isStep ? "Failed" : "Succeeded", terminated(code, "")), pod)
      }
    }
    // Whoever holds the object lets it go later; the server removes it then.
    _ = await api.send("DELETE", "\(path(of: pod))?gracePeriodSeconds=0")
  }

  private func rest(for interval: Interval) async {
    if interval > .zero { await clock.sleep(until: clock.now() + interval) }
  }

  private func write(_ status: JSONValue, _ pod: KubernetesObject) async {
    _ = await api.send(
      "PATCH", "\(path(of: pod))/status", ["status": status],
      type: "application/merge-patch+json")
  }

  private func terminated(_ code: Int64, _ message: String) -> JSONValue {
    [
      "terminated": [
        "exitCode": .integer(code), "reason": code == 0 ? "Completed" : "Error",
        "message": .string(message), "finishedAt": clock.now().json,
      ]
    ]
  }

  private func status(
    _ pod: KubernetesObject, phase: String, _ state: JSONValue
  ) -> JSONValue {
    let isReady = phase == "Running"
    let conditions = ["Ready", "ContainersReady"].map { type -> JSONValue in
      [
        "type": .string(type), "status": isReady ? "True" : "False",
        "lastTransitionTime": clock.now().json,
      ]
    }
    let containers = pod.body.list("spec", "containers").map { container -> JSONValue in
      let image = container["image"] ?? ""
      return [
        "name": container["name"] ?? "", "image": image, "imageID": image, "restartCount": 0,
        "ready": .bool(isReady), "state": state,
      ]
    }
    return [
      "phase": .string(phase), "podIP": "127.0.0.1", "conditions": .array(conditions),
      "containerStatuses": .array(containers),
    ]
  }

  // MARK: - Steps

  /// The words that the first container of a pod is started with.
  private static func words(of pod: KubernetesObject) -> [String] {
    pod.body.list("spec", "containers").first?.texts("args") ?? []
  }

  /// The order that a pod carries out; nil for a pod of no step.
  private static func order(of pod: KubernetesObject) -> StepOrder? {
    option("--order", of: pod).flatMap(StepOrder.init(text:))
  }

  private static func option(_ name: String, of pod: KubernetesObject) -> String? {
    let words = words(of: pod)
    guard let place = words.firstIndex(of: name), place + 1 < words.count else { return nil }
    return words[place + 1]
  }

  private func step(_ order: StepOrder?, _ pod: KubernetesObject) async -> StandInStep? {
    guard let order else { return nil }
    let digest = Self.words(of: pod).first { $0.hasPrefix("sha256:") }
    let service = pod.body.text("metadata", "labels", StepLabel.service)
    return StandInStep(
      order: order, plan: Digest(String((digest ?? "").dropFirst(7))),
      epoch: Self.option("--epoch", of: pod).flatMap(Int64.init).map { Epoch($0) },
      service: "\(pod.namespace ?? "")/\(service)", pod: pod, run: await plan(of: pod))
  }

  /// The plan of the run that a step's pod is of, as its document says.
  private func plan(of pod: KubernetesObject) async -> Plan? {
    let names = pod.body.list("spec", "volumes").map { $0.text("configMap", "name") }
    guard let name = names.first(where: { !$0.isEmpty }) else { return nil }
    if let known = plans[name] { return known }
    let path = "/api/v1/namespaces/\(pod.namespace ?? "default")/configmaps/\(name)"
    guard let text = await api.send("GET", path)?.body.text("data", StepPaths.documentKey),
      let document = try? StepDocument(Array(text.utf8), digest: StepDigest.of(text))
    else { return nil }
    plans[name] = document.plan
    return document.plan
  }
}
