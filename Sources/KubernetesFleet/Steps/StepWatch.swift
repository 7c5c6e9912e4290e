import Synchronization
package import WindlassCore

/// Knows how the Jobs and pods of one service's steps were seen last.
///
/// What it tells is only that it is worth looking; decisions are made on what is read from the
/// authority. The ends of pods are the exception: an end that was once seen is true for ever.
package final class StepWatch: Sendable {
  private let feed: StepFeed
  /// Whether nobody else is told by the feed, and nobody else runs it.
  private let ownsFeed: Bool
  let namespace: String
  /// The service as labels name it.
  let label: String
  private let attempts = Mutex<[String: Int]>([:])
  private let told = Mutex<Set<String>>([])
  let sightings = StepSightings()
  let news = Signal()

  /// A watch of the steps of a service in a namespace, with a feed of its own; `run` makes it
  /// follow.
  package convenience init(_ client: KubernetesClient, service: ServiceName, namespace: String) {
    self.init(
      StepFeed(client, in: namespace), ownsFeed: true, service: service, namespace: namespace)
  }

  /// A watch of the steps of a service in a namespace, told by a feed that others share, and that
  /// somebody else runs.
  package convenience init(from feed: StepFeed, service: ServiceName, namespace: String) {
    self.init(feed, ownsFeed: false, service: service, namespace: namespace)
  }

  private init(_ feed: StepFeed, ownsFeed: Bool, service: ServiceName, namespace: String) {
    self.feed = feed
    self.ownsFeed = ownsFeed
    self.namespace = namespace
    label = StepName.label(service.text)
  }

  /// Follows until the task is cancelled. Without it steps are looked at every few seconds.
  package func run() async {
    await join()
    defer { leave() }
    if ownsFeed { return await feed.run() }
    // Nobody sends: this ends with the task.
    await Signal().wait(after: 0)
  }

  /// Is told from now on what the feed sees, as long as somebody runs that.
  package func join() async { await feed.join(self) }

  /// Is told nothing more.
  package func leave() { feed.leave(self) }

  /// A person's word that a pod in doubt is dead.
  package func confirmDead(pod name: String) {
    sightings.bury { $0.name == name && $0.isGone }
    news.send()
  }

  /// Whether changes are told.
  var isCurrent: Bool { get async { await feed.isCurrent } }

  /// Takes in what became of a pod.
  func take(_ change: CacheChange) {
    sightings.note(change)
    news.send()
  }

  /// Takes in that it is worth looking.
  func tell() { news.send() }

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
