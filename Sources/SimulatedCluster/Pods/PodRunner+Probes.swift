import KubernetesFleet
import WindlassCore
import WindlassWire

/// Probes and hooks of containers that run.
extension PodRunner {
  /// Asks the probes of a container until it ends.
  func probe(
    _ name: String, _ process: ContainerProcess, _ start: PodMaterial.Start
  ) async {
    guard let container = record(name)?.spec else { return }
    let read = { (member: String) in
      Probe(container[member], of: container, address: self.address)
    }
    if let startup = read("startupProbe") {
      let isStarted = await follow(startup, name, process, start) { count in
        count >= startup.successes ? .end : count <= -startup.failures ? .kill : .go
      }
      guard isStarted else { return }
      change(name) { record in
        record.isStarted = true
        record.isReady = container["readinessProbe"] == nil
      }
    }
    let readiness = read("readinessProbe")
    let liveness = read("livenessProbe")
    await withTaskGroup(of: Void.self) { group in
      if let readiness {
        group.addTask { await self.followReadiness(readiness, name, process, start) }
      }
      if let liveness {
        group.addTask { await self.followLiveness(liveness, name, process, start) }
      }
    }
  }

  private func followReadiness(
    _ readiness: Probe, _ name: String, _ process: ContainerProcess, _ start: PodMaterial.Start
  ) async {
    _ = await follow(readiness, name, process, start) { count in
      if count >= readiness.successes { setReady(true, name) }
      if count <= -readiness.failures { setReady(false, name) }
      return .go
    }
  }

  private func followLiveness(
    _ liveness: Probe, _ name: String, _ process: ContainerProcess, _ start: PodMaterial.Start
  ) async {
    _ = await follow(liveness, name, process, start) { count in
      count <= -liveness.failures ? .kill : .go
    }
  }

  private func setReady(_ isReady: Bool, _ name: String) {
    guard let record = record(name), record.isReady != isReady, record.runningSince != nil else {
      return
    }
    change(name) { $0.isReady = isReady }
  }

  /// What follows from the answers so far.
  private enum Verdict { case go, end, kill }

  /// Asks a probe again and again, and lets the caller judge how many equal answers came in a row:
  /// good ones count up from 1, bad ones down from -1. Returns whether the caller ended it.
  private func follow(
    _ probe: Probe, _ name: String, _ process: ContainerProcess, _ start: PodMaterial.Start,
    _ judge: (Int64) -> Verdict
  ) async -> Bool {
    await node.clock.sleep(until: node.clock.now() + probe.initialDelay)
    var count: Int64 = 0
    while !Task.isCancelled, process.exitCode == nil {
      let next = node.clock.now() + probe.period
      let isGood = await ask(probe.question, name, process, start, probe.timeout)
      count = isGood ? max(1, count + 1) : min(-1, count - 1)
      guard !Task.isCancelled else { return false }
      switch judge(count) {
      case .go: break
      case .end: return true
      case .kill:
        // A pod that is being ended has its own time.
        guard !status.isStopping else { return false }
        await end(name, by: node.clock.now() + (probe.grace ?? gracePeriod))
        return false
      }
      await node.clock.sleep(until: next)
    }
    return false
  }

  /// The pod's time between the signals.
  var gracePeriod: Interval {
    .seconds(pod.at("spec", "terminationGracePeriodSeconds")?.integer ?? 30)
  }

  /// Whether a question has a good answer within a time.
  private func ask(
    _ question: Probe.Question, _ name: String, _ process: ContainerProcess,
    _ start: PodMaterial.Start, _ timeout: Interval
  ) async -> Bool {
    switch question {
    case .http(let host, let port, let path, let headers):
      let status = await ProbeNetwork.status(
        host: host, port: port, path: path, headers: headers, timeout: timeout)
      return status.map { (200..<400).contains($0) } ?? false
    case .connection(let host, let port):
      return await ProbeNetwork.connects(host: host, port: port, timeout: timeout)
    case .command(let command):
      return await execute(command, name, process, start, until: node.clock.now() + timeout)
    }
  }

  /// Runs a command beside a container; false when it fails or takes too long.
  private func execute(
    _ command: [String], _ name: String, _ process: ContainerProcess,
    _ start: PodMaterial.Start, until time: Timestamp?
  ) async -> Bool {
    let mark = "\(uid) \(name) \(process.pid) beside"
    let order = start.order(
      beside: process, command, log: "\(folder)/containers/\(name)/commands.log", mark: mark)
    // What can't be started has failed.
    guard let beside = try? ContainerProcess(order) else { return false }
    let code = await beside.wait(until: time, node.clock)
    if code == nil { beside.kill() }
    return code == 0
  }

  // MARK: - Hooks

  /// Calls a hook of a container, and waits for it until a time.
  func call(
    _ hook: JSONValue, of name: String, _ process: ContainerProcess, _ start: PodMaterial.Start,
    until time: Timestamp?
  ) async -> Bool {
    if let seconds = hook.at("sleep", "seconds")?.integer {
      let end = node.clock.now() + .seconds(seconds)
      _ = await process.wait(until: time.map { min($0, end) } ?? end, node.clock)
      return true
    }
    guard let container = record(name)?.spec,
      let question = Probe.question(hook, container, address)
    else { return false }
    if case .command(let command) = question {
      return await execute(command, name, process, start, until: time)
    }
    let left = time.map { $0 - node.clock.now() } ?? .minutes(1)
    return await ask(question, name, process, start, max(left, .milliseconds(1)))
  }
}
