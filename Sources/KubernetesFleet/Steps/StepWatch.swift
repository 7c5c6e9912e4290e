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
  private let hindering = Mutex<Block?>(nil)
  /// Told when a step was turned away by the fence.
  private let refusals = Mutex<@Sendable () -> Void>({})
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
    let sighting = sightings.note(change)
    news.send()
    if sighting.isTurnedAway, !sighting.isGone { refusals.withLock { $0 }() }
  }

  /// Takes in that it is worth looking.
  func tell() { news.send() }

  // MARK: - What is in the way

  /// Why nobody can see what becomes of the step that is under way, which may go on meanwhile; nil
  /// while that is not so.
  var hindrance: Block? { hindering.withLock { $0 } }

  /// Notes what is in the way; nil for nothing.
  func note(hindrance: Block?) { hindering.withLock { $0 = hindrance } }

  // MARK: - Late Jobs

  /// Says who is told when a step found another number in the fence than its own.
  package func reportRefusals(to tell: @escaping @Sendable () -> Void) {
    refusals.withLock { $0 = tell }
  }

  /// Deletes the Jobs of steps that were turned away by the fence: deposed daemons made them late,
  /// they did nothing, and nobody waits for them. What can't be deleted now is tried at the next
  /// call, and goes with its owner at the latest.
  package func collectRefused(by client: KubernetesClient) async {
    for pod in sightings.pods(where: { $0.isTurnedAway && !$0.isGone }) {
      guard let name = pod.jobName else { continue }
      // Nothing rests on it.
      _ = try? await client.delete(
        ObjectReference(.jobs, name, in: namespace), .background,
        if: Preconditions(uid: pod.job))
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
