import KubernetesFleet
import WindlassCore
import WindlassWire

/// Starting containers and starting them again.
extension PodRunner {
  /// Gets what the containers are started with; tries again for as long as something is missing.
  func prepare() async {
    while !status.isStopping, !Task.isCancelled {
      do throws(StartFailure) {
        material = try await makeMaterial()
        return
      } catch {
        for container in status.containers where container.termination == nil {
          change(container.name) { record in
            record.state = .waiting(reason: "ContainerCreating", message: error.description)
          }
        }
      }
      await wait(until: node.clock.now() + .milliseconds(500)) { status.isStopping }
    }
  }

  private func makeMaterial() async throws(StartFailure) -> PodMaterial {
    var sources: [String: JSONValue] = [:]
    for name in PodVolumes.sources(of: pod) {
      let parts = name.split(separator: "/").map(String.init)
      let plural = parts[0] == "Secret" ? "secrets" : "configmaps"
      let answer = await node.api.send(
        "GET", "/api/v1/namespaces/\(pod.namespace)/\(plural)/\(parts[1])")
      guard let answer else { throw StartFailure(description: "\(name) can't be read now") }
      if answer.isGood { sources[name] = answer.body }
    }
    let environment = ContainerEnvironment(
      pod: pod, address: address, node: node.settings.name, sources: sources,
      services: await serviceVariables())
    let volumes = PodVolumes(
      pod: pod, folder: folder, claims: "\(node.settings.folder)/claims", sources: sources,
      environment: environment)
    if network == nil, try await isClosed() {
      network = try PodNetwork(folder: folder, mark: "\(uid) network")
    }
    return PodMaterial(
      environment: environment, volumes: try volumes.make(), network: network)
  }

  /// Whether the pod may begin no connection. Looked at once: policies that come later find it as
  /// it is.
  private func isClosed() async throws(StartFailure) -> Bool {
    let answer = await node.api.send(
      "GET", "/apis/networking.k8s.io/v1/namespaces/\(pod.namespace)/networkpolicies")
    guard let answer else { throw StartFailure(description: "network policies can't be read now") }
    return answer.isGood && PodNetwork.isClosed(pod, under: answer.body.list("items"))
  }

  /// The variables that tell of Services of the namespace.
  private func serviceVariables() async -> [(name: String, value: String)] {
    let server = node.api.place
    let own = [
      ("KUBERNETES_SERVICE_HOST", server.host), ("KUBERNETES_SERVICE_PORT", server.port),
    ]
    guard pod.at("spec", "enableServiceLinks")?.bool != false,
      let answer = await node.api.send("GET", "/api/v1/namespaces/\(pod.namespace)/services"),
      answer.isGood
    else { return own }
    return own
      + answer.body.list("items").flatMap { service -> [(name: String, value: String)] in
        let address = service.text("spec", "clusterIP")
        guard !address.isEmpty, address != "None",
          let port = service.list("spec", "ports").first?["port"]?.integer
        else { return [] }
        let name = service.name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
        return [
          ("\(name)_SERVICE_HOST", address), ("\(name)_SERVICE_PORT", String(port)),
        ]
      }
  }

  // MARK: - One container

  /// Runs a container, again and again where the pod wants that, until it has ended for good.
  func supervise(_ name: String) async {
    if let ended = record(name)?.termination {
      // It ended, or was lost, under another run of the node.
      guard let record = record(name), status.restarts(record, code: ended.code) else { return }
      change(name) { record in
        record.last = ended
        record.restarts += 1
      }
    }
    while !status.isStopping, !Task.isCancelled {
      guard let container = record(name)?.spec else { return }
      let image = container.text("image")
      guard let path = node.settings.images.path(of: image) else {
        return await missImage(name, image)
      }
      guard let start = await configure(name, container, path) else { continue }
      await runOnce(name, container, start)
      guard let record = record(name), let ended = record.termination,
        status.restarts(record, code: ended.code)
      else { return }
      await pause(name, after: ended)
    }
  }

  /// Makes a container ready to be started; nil, after a while, when something that it names is
  /// missing.
  private func configure(
    _ name: String, _ container: JSONValue, _ image: String
  ) async -> PodMaterial.Start? {
    do throws(StartFailure) {
      guard let material else { throw StartFailure(description: "the pod is not prepared") }
      return try material.start(
        container, image: image, folder: folder, way: node.settings.mounts)
    } catch {
      change(name) { record in
        record.state = .waiting(
          reason: "CreateContainerConfigError", message: error.description)
      }
      await wait(until: node.clock.now() + .milliseconds(500)) { status.isStopping }
      await prepare()
      return nil
    }
  }

  /// Starts a container and waits for its end.
  private func runOnce(
    _ name: String, _ container: JSONValue, _ start: PodMaterial.Start
  ) async {
    let id =
      "containerd://\(ImageTable.digits(of: "\(uid) \(name) \(record(name)?.restarts ?? 0)"))"
    do throws(StartFailure) {
      let process = try ContainerProcess(start.order(log: log(name), mark: id))
      processes[name] = process
      starts[name] = start
      let started = node.clock.now()
      change(name) { record in
        record.state = .running(since: started)
        record.containerID = id
        record.isStarted = container["startupProbe"] == nil
        record.isReady = record.isStarted && container["readinessProbe"] == nil
      }
      if status.isStopping { process.signal(15) }
      await attend(name, process, start)
      await takeEnd(of: name, process, start, started, id)
    } catch {
      let now = node.clock.now()
      change(name) { record in
        record.containerID = id
        record.isReady = false
        record.state = .ended(
          ContainerRecord.Termination(
            code: 128, reason: "StartError", message: error.description, started: now,
            finished: now, containerID: id))
      }
    }
  }

  /// Where a container's output goes.
  func log(_ name: String) -> String {
    "\(folder)/containers/\(name)/\(record(name)?.restarts ?? 0).log"
  }

  /// Cares for a container while it runs: hooks and probes.
  private func attend(
    _ name: String, _ process: ContainerProcess, _ start: PodMaterial.Start
  ) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.probe(name, process, start) }
      if let hook = record(name)?.spec.at("lifecycle", "postStart") {
        group.addTask { _ = await self.call(hook, of: name, process, start, until: nil) }
      }
      _ = await process.wait(until: nil, node.clock)
      group.cancelAll()
    }
  }

  private func takeEnd(
    of name: String, _ process: ContainerProcess, _ start: PodMaterial.Start,
    _ started: Timestamp, _ id: String
  ) async {
    // The task was cancelled where it has no code: the node goes.
    if process.exitCode == nil { process.kill() }
    let code = process.exitCode ?? 137
    processes[name] = nil
    let message = message(of: name, start, code)
    let now = node.clock.now()
    change(name) { record in
      record.isReady = false
      record.state = .ended(
        ContainerRecord.Termination(
          code: code, reason: code == 0 ? "Completed" : "Error", message: message,
          started: started, finished: now, containerID: id))
    }
  }

  /// What the container left to be told of its end.
  private func message(of name: String, _ start: PodMaterial.Start, _ code: Int) -> String? {
    let written = SmallFiles.read(start.messageFile)?.prefix(4_096) ?? []
    if !written.isEmpty { return String(decoding: written, as: UTF8.self) }
    guard code != 0,
      record(name)?.spec.text("terminationMessagePolicy") == "FallbackToLogsOnError"
    else { return nil }
    return SmallFiles.read(log(name)).map { String(decoding: $0.suffix(2_048), as: UTF8.self) }
  }

  /// Lets a container wait before it is started again: not at first, then ever longer.
  private func pause(_ name: String, after ended: ContainerRecord.Termination) async {
    let hasRunLong =
      ended.started.map { node.clock.now() - $0 > .minutes(10) } ?? false
    let count = hasRunLong ? 0 : crashes[name] ?? 0
    crashes[name] = count + 1
    if count > 0 {
      let delay = min(node.settings.crashDelay * (1 << min(count - 1, 10)), .minutes(5))
      change(name) { record in
        record.state = .waiting(
          reason: "CrashLoopBackOff",
          message: "back-off \(delay.milliseconds / 1_000)s restarting failed container=\(name) "
            + "pod=\(pod.namespace)/\(pod.name)")
        record.last = ended
      }
      await wait(until: node.clock.now() + delay) { status.isStopping }
      guard !status.isStopping else {
        return change(name) { $0.state = .ended(ended) }
      }
    }
    change(name) { record in
      record.last = ended
      record.restarts += 1
    }
  }

  /// Tells that there is no such image, until the pod is ended.
  private func missImage(_ name: String, _ image: String) async {
    let message = "failed to pull image \"\(image)\": not found"
    for reason in ["ErrImagePull", "ImagePullBackOff"] {
      change(name) { $0.state = .waiting(reason: reason, message: message) }
      await wait(until: node.clock.now() + .seconds(1)) { status.isStopping }
    }
    await wait { status.isStopping }
  }
}
