import KubernetesFleet
import WindlassCore
import WindlassWire

/// What all pods of a node share.
struct NodeContext: Sendable {
  let settings: NodeSettings
  let api: NodeAPI
  let clock: any RunClock
}

/// Runs one pod from its binding to its end, as a kubelet does: containers as processes, probes,
/// hooks, restarts, and the status.
actor PodRunner {
  let node: NodeContext
  let uid: String
  let address: String
  var pod: JSONValue
  var status: PodStatus
  /// Processes that run, by the names of their containers.
  var processes: [String: ContainerProcess] = [:]
  /// What they were started with.
  var starts: [String: PodMaterial.Start] = [:]
  /// How often each container ended in a row.
  var crashes: [String: Int64] = [:]
  /// What the containers are started with; nil until it is prepared.
  var material: PodMaterial?
  /// The pod's own network, once it was found to need one.
  var network: PodNetwork?
  /// When the time of a pod that was deleted is over.
  var deadline: Timestamp?
  /// Whether the pod's object is gone.
  var hasVanished = false
  let news = Signal()
  private var told: JSONValue?
  private var hasEnded = false

  init(_ pod: JSONValue, address: String, _ node: NodeContext) {
    self.pod = pod
    self.node = node
    self.address = address
    uid = pod.uid
    status = PodStatus(pod, address: address, at: node.clock.now())
    status.recall(pod["status"], at: node.clock.now())
  }

  /// Where the pod's files are.
  nonisolated var folder: String { "\(node.settings.folder)/pods/\(uid)" }

  // MARK: - What comes from outside

  /// Takes over a new state of the pod.
  func update(_ pod: JSONValue) {
    self.pod = pod
    if let generation = pod.at("metadata", "generation")?.integer {
      status.generation = generation
    }
    if pod.isBeingDeleted {
      let grace = pod.at("metadata", "deletionGracePeriodSeconds")?.integer ?? 30
      let end = node.clock.now() + .seconds(grace)
      deadline = deadline.map { min($0, end) } ?? end
      status.isStopping = true
    }
    news.send()
  }

  /// Takes notice that the pod's object is gone: what runs is ended at once.
  func vanish() {
    hasVanished = true
    status.isStopping = true
    deadline = node.clock.now()
    for process in processes.values { process.kill() }
    news.send()
  }

  /// Waits until something holds, the time has come or the task is cancelled.
  func wait(until time: Timestamp? = nil, _ holds: () -> Bool) async {
    while !Task.isCancelled {
      // Read before the state: what changes in between ends the wait at once.
      let seen = news.count
      if holds() { return }
      if let time, node.clock.now() >= time { return }
      await news.wait(after: seen, orUntil: time, node.clock)
    }
  }

  // MARK: - Its life

  /// Runs the pod until its object is gone or the task is cancelled; then nothing of it runs.
  func run() async {
    update(pod)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.tell() }
      if !hasFinished { await runContainers() }
      if !Task.isCancelled { await finish() }
      hasEnded = true
      news.send()
    }
    for process in processes.values { process.kill() }
    network?.close()
    SmallFiles.remove(folder)
  }

  /// Whether the pod had ended before this node took it over.
  private var hasFinished: Bool {
    ["Succeeded", "Failed"].contains(pod.text("status", "phase"))
  }

  private func runContainers() async {
    await prepare()
    await withTaskGroup(of: Void.self) { group in
      await begin(&group)
      await wait { status.isStopping || status.areMainContainersDone }
      // A node that goes takes its containers along.
      if Task.isCancelled {
        for process in processes.values { process.kill() }
      } else {
        await stop()
      }
      await group.waitForAll()
    }
  }

  /// Starts the containers in their order.
  private func begin(_ group: inout TaskGroup<Void>) async {
    for container in status.containers where container.role != .main {
      guard !status.isStopping, !Task.isCancelled else { return }
      let name = container.name
      if container.role == .sidecar {
        group.addTask { await self.supervise(name) }
        await wait { status.isStopping || self.record(name)?.isStarted ?? true }
      } else if container.termination?.code != 0 {
        await supervise(name)
        guard record(name)?.termination?.code == 0 else { return }
      }
    }
    guard !status.isStopping, !Task.isCancelled else { return }
    for container in status.containers where container.role == .main {
      if case .waiting(let reason, _) = container.state, reason == "PodInitializing" {
        change(container.name) { $0.state = .waiting(reason: "ContainerCreating") }
      }
    }
    for container in status.containers where container.role == .main {
      let name = container.name
      group.addTask { await self.supervise(name) }
    }
  }

  /// Tells the end and lets the object go, once somebody has deleted it.
  private func finish() async {
    await wait { status.isStopping }
    guard !Task.isCancelled, !hasVanished else { return }
    let now = node.clock.now()
    for container in status.containers where container.termination == nil {
      change(container.name) { record in
        record.state = .ended(
          ContainerRecord.Termination(
            code: 137, reason: "ContainerStatusUnknown",
            message: "The container was never started"))
        record.isReady = false
      }
    }
    await wait(until: now + .seconds(30)) { hasVanished || told == status.peek(at: now) }
    while !hasVanished, !Task.isCancelled {
      let answer = await node.api.send(
        "DELETE", "\(path)?gracePeriodSeconds=0",
        ["kind": "DeleteOptions", "apiVersion": "v1", "preconditions": ["uid": .string(uid)]])
      if let answer, answer.isGood || [404, 409].contains(answer.status) { break }
      await node.clock.sleep(until: node.clock.now() + .milliseconds(500))
    }
    // Finalizers may hold the object for longer.
    await wait { hasVanished }
  }

  // MARK: - Telling

  /// The pod's path at the server.
  private var path: String { "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)" }

  /// Writes each change of the status to the server until the pod has ended.
  private func tell() async {
    while !Task.isCancelled, !hasVanished {
      let seen = news.count
      let current = status.json(at: node.clock.now())
      if current != told {
        let answer = await node.api.send(
          "PATCH", "\(path)/status",
          ["metadata": ["uid": .string(uid)], "status": current],
          type: "application/strategic-merge-patch+json")
        if let answer, answer.isGood {
          told = current
          news.send()
        } else if let answer, answer.status == 404 || answer.status == 409 {
          // Another pod has the name by now, or none: the watch will say so.
          told = current
          news.send()
        } else {
          await node.clock.sleep(until: node.clock.now() + .milliseconds(300))
        }
        continue
      }
      if hasEnded { return }
      await news.wait(after: seen)
    }
  }

  // MARK: - Records

  /// What is known of a container.
  func record(_ name: String) -> ContainerRecord? {
    status.containers.first { $0.name == name }
  }

  /// Changes what is known of a container.
  func change(_ name: String, _ body: (inout ContainerRecord) -> Void) {
    guard let place = status.containers.firstIndex(where: { $0.name == name }) else { return }
    body(&status.containers[place])
    news.send()
  }
}
