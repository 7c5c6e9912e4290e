import Synchronization
package import WindlassCore

/// Follows the Jobs and pods of one service's steps, and remembers how each pod was seen last.
///
/// What it tells is only that it is worth looking; decisions are made on what is read from the
/// authority. The ends of pods are the exception: an end that was once seen is true for ever.
package final class StepWatch: Sendable {
  private let jobs: Informer
  private let pods: Informer
  private let attempts = Mutex<[String: Int]>([:])
  private let told = Mutex<Set<String>>([])
  let sightings = StepSightings()
  let news = StepNews()

  /// A watch of the steps of a service in a namespace; `run` makes it follow.
  package init(_ client: KubernetesClient, service: ServiceName, namespace: String) {
    let labels =
      "app.kubernetes.io/name=windlass-step,"
      + "\(StepLabel.service)=\(StepName.label(service.text))"
    let (news, sightings) = (news, sightings)
    jobs = Informer(
      client, Selection(.jobs, in: namespace, labels: labels), resync: StepBounds.resync,
      handlers: [{ _ in news.send() }])
    pods = Informer(
      client, Selection(.pods, in: namespace, labels: labels), resync: StepBounds.resync,
      handlers: [
        { change in
          sightings.note(change)
          news.send()
        }
      ])
  }

  /// Follows until the task is cancelled. Without it steps are looked at every few seconds.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.jobs.run() }
      group.addTask { await self.pods.run() }
    }
  }

  /// A person's word that a pod in doubt is dead.
  package func confirmDead(pod name: String) {
    sightings.bury { $0.name == name && $0.isGone }
    news.send()
  }

  /// Whether changes are told.
  var isCurrent: Bool {
    get async {
      guard await jobs.isCurrent else { return false }
      return await pods.isCurrent
    }
  }

  // MARK: - What was asked and answered

  /// The last attempt at an order that this process knows of.
  func lastAttempt(at order: String) -> Int { attempts.withLock { $0[order] ?? 0 } }

  /// Notes that an attempt was made.
  func note(attempt: Int, at order: String) {
    attempts.withLock { $0[order] = max($0[order] ?? 0, attempt) }
  }

  /// Whether the outcome of a Job was handed to somebody in this process.
  func isTold(_ uid: String) -> Bool { told.withLock { $0.contains(uid) } }

  /// Notes that it was.
  func tell(_ uid: String) {
    _ = told.withLock { $0.insert(uid) }
  }
}
