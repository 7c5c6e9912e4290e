import KubernetesFleet
import Logging
import WindlassCore

/// Drives every ManagedService that there is, each apart from the others, while this process leads.
struct ServiceHost: Sendable {
  let assembly: OperatorAssembly
  let view: ClusterView
  let clock: any RunClock

  /// What one of the host's tasks has come to.
  private enum Turn: Sendable {
    case news
    case ended(uid: String)
  }

  /// Follows until the task is cancelled, and then waits for all drives to end.
  func run() async {
    await view.waitUntilSynced()
    var drives: [String: ServiceDrive] = [:]
    await withTaskGroup(of: Turn.self) { group in
      var seen = view.news.count
      await reconcile(&drives, &group)
      group.addTask { [seen] in await wait(after: seen) }
      while let turn = await group.next(), !Task.isCancelled {
        switch turn {
        case .ended(let uid): drives[uid] = nil
        case .news:
          seen = view.news.count
          group.addTask { [seen] in await wait(after: seen) }
        }
        await reconcile(&drives, &group)
      }
      group.cancelAll()
    }
  }

  private func wait(after seen: Int) async -> Turn {
    await view.news.wait(after: seen)
    return .news
  }

  /// Has one drive for each object, and tells each how its object is.
  private func reconcile(
    _ drives: inout [String: ServiceDrive], _ group: inout TaskGroup<Turn>
  ) async {
    let objects = await view.services()
    // One that can't be read is told so by its drive, and has no claim on anything.
    let services = objects.compactMap { try? ManagedService($0) }
    assembly.claims.note(services)
    let rivals = services.compactMap { service in
      assembly.claims.rival(of: service).map { (service.object.uid, $0) }
    }
    let rivalByUID = Dictionary(rivals) { first, _ in first }
    let listed = Set(objects.map(\.uid))
    for drive in drives.values where !listed.contains(drive.uid) { drive.see(nil) }
    for object in objects {
      if let known = drives[object.uid] {
        known.see(object, rival: rivalByUID[object.uid])
        continue
      }
      let namespace = object.namespace ?? "default"
      let drive = ServiceDrive(
        object, assembly, ends: view.witness(of: namespace), clock: clock,
        changed: { view.news.send() })
      drive.see(object, rival: rivalByUID[object.uid])
      drives[object.uid] = drive
      group.addTask {
        await drive.run()
        return .ended(uid: drive.uid)
      }
    }
  }
}
