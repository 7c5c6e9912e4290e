import Glibc
import KubernetesFleet
import WindlassCore
import WindlassWire

/// Ending what runs.
extension PodRunner {
  /// Ends all containers: those of the pod's work at once, then the sidecars, the last one first.
  func stop() async {
    let workers = status.containers.filter { $0.role != .sidecar }.map(\.name)
    await withTaskGroup(of: Void.self) { group in
      for name in workers where processes[name] != nil {
        group.addTask { await self.end(name, by: nil) }
      }
    }
    for container in status.containers.reversed() where container.role == .sidecar {
      await end(container.name, by: nil)
    }
  }

  /// Ends one container: its hook, SIGTERM, and SIGKILL when the time is over; the pod's own
  /// deadline, which may come nearer meanwhile, where no time is given.
  func end(_ name: String, by given: Timestamp?) async {
    guard let process = processes[name] else { return }
    let begun = node.clock.now()
    let limit = { () -> Timestamp in given ?? self.deadline ?? begun + self.gracePeriod }
    if let hook = record(name)?.spec.at("lifecycle", "preStop"), limit() > begun,
      let start = starts[name]
    {
      _ = await call(hook, of: name, process, start, until: limit())
    }
    guard process.exitCode == nil else { return await settle(name, process) }
    process.signal(SIGTERM)
    // A hook that took all of the time leaves two seconds.
    let sent = node.clock.now()
    let least = limit() > begun && limit() <= sent ? sent + .seconds(2) : begun
    while process.exitCode == nil, !hasVanished, !Task.isCancelled {
      let end = max(limit(), least)
      guard node.clock.now() < end else { break }
      // The deadline may come nearer, so it is looked at now and then.
      _ = await process.wait(
        until: min(end, node.clock.now() + .milliseconds(200)), node.clock)
    }
    if process.exitCode == nil { process.kill() }
    await settle(name, process)
  }

  /// Waits until the end of a process is on record.
  private func settle(_ name: String, _ process: ContainerProcess) async {
    await wait { processes[name] !== process }
  }
}
