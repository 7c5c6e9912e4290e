import KubernetesFleet
import Logging
import WindlassCore

/// Drives every ManagedService of its shard, each apart from the others, while this process leads.
struct ServiceHost: Sendable {
  let assembly: OperatorAssembly
  let view: ClusterView
  let clock: any RunClock

  /// How long changes of services are gathered before they are looked at.
  private static let gathering = Interval.milliseconds(100)
  /// How long nothing may change before it is shown that somebody would look.
  private static let silenceMax = Interval.minutes(1)

  /// What one of the host's tasks has come to.
  private enum Turn: Sendable {
    /// There may be news.
    case woken
    case ended(uid: String)
  }

  /// Follows until the task is cancelled, and then waits for all drives to end.
  func run() async {
    await view.waitUntilSynced()
    var drives: [String: ServiceDrive] = [:]
    var known = KnownServices()
    await withTaskGroup(of: Turn.self) { group in
      var seen = view.news.count
      assembly.recorder.hostTurned()
      await reconcile(&drives, &known, &group)
      group.addTask { [seen] in await wait(after: seen) }
      while let turn = await group.next(), !Task.isCancelled {
        assembly.recorder.hostTurned()
        switch turn {
        case .ended(let uid): drives[uid] = nil
        case .woken:
          let isNews = view.news.count != seen
          seen = view.news.count
          group.addTask { [seen] in await wait(after: seen) }
          guard isNews else { continue }
        }
        await reconcile(&drives, &known, &group)
      }
      assembly.recorder.hostEnded()
      group.cancelAll()
    }
  }

  private func wait(after seen: Int) async -> Turn {
    await view.news.wait(after: seen, orUntil: clock.now() + Self.silenceMax, clock)
    // Of many changes together all are looked at once.
    if view.news.count != seen { await clock.sleep(until: clock.now() + Self.gathering) }
    return .woken
  }

  /// Has one drive for each object, and tells each how its object is.
  private func reconcile(
    _ drives: inout [String: ServiceDrive], _ known: inout KnownServices,
    _ group: inout TaskGroup<Turn>
  ) async {
    let all = await view.services()
    let services = known.read(all)
    // Those of other shards as well: of two services on one workload the elder has it, whoever
    // looks after it.
    assembly.claims.note(services)
    let shard = assembly.settings.shard
    let objects = all.filter { shard.duty(for: $0) != .nothing || drives[$0.uid] != nil }
    let own = Set(objects.map(\.uid))
    assembly.workloads.keep(only: services.filter { own.contains($0.uid) }.map(\.place))
    let rivals = services.compactMap { service in
      assembly.claims.rival(of: service).map { (service.uid, $0) }
    }
    let rivalByUID = Dictionary(rivals) { first, _ in first }
    for drive in drives.values where !own.contains(drive.uid) { drive.see(nil) }
    assembly.turns.expect(own.subtracting(drives.keys))
    for object in objects {
      if let drive = drives[object.uid] {
        drive.see(object, rival: rivalByUID[object.uid])
        continue
      }
      guard let drive = drive(object) else { continue }
      drive.see(object, rival: rivalByUID[object.uid])
      drives[object.uid] = drive
      group.addTask {
        await drive.run()
        return .ended(uid: drive.uid)
      }
    }
    assembly.roster.show(drives.values)
  }

  private func drive(_ object: KubernetesObject) -> ServiceDrive? {
    let namespace = object.namespace ?? "default"
    guard let watch = view.steps(of: ServiceName(object.name), in: namespace) else { return nil }
    return ServiceDrive(
      object, assembly, watch: watch, ends: view.witness(of: namespace), clock: clock,
      changed: { view.news.send() })
  }
}

/// What the services wish, read once for each generation of an object.
private struct KnownServices {
  private var known: [String: (generation: Int64, service: ManagedService)] = [:]

  /// The services whose wish can be read, in the order of the objects. One that can't be read is
  /// told so by its drive, and has no claim on anything.
  mutating func read(_ objects: [KubernetesObject]) -> [ManagedService] {
    let before = known
    known = [:]
    return objects.compactMap { object in
      if let old = before[object.uid], old.generation == object.generation {
        known[object.uid] = old
        return old.service
      }
      guard let service = try? ManagedService(object) else { return nil }
      known[object.uid] = (object.generation, service)
      return service
    }
  }
}
