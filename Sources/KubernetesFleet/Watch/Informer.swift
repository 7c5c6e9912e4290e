package import WindlassCore
import WindlassWire

/// Keeps a local copy of a collection like the server's, and tells what changes.
///
/// One informer serves all who are interested in its collection. What it holds may be behind: a
/// decision that can't be taken back is made on what was read from the authority, or with
/// preconditions, and never before `isSynced`.
package actor Informer {
  /// The collection.
  package nonisolated let selection: Selection
  private let client: KubernetesClient
  private let resync: Interval?
  private let trim: @Sendable (KubernetesObject) -> KubernetesObject
  private let handlers: [@Sendable (CacheChange) -> Void]
  private var cache: ObjectCache
  private var reflector: Reflector
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var hasEnded = false
  private var hasWatched = false
  private var resyncedAt: Timestamp?

  /// An informer of a collection.
  ///
  /// - Parameters:
  ///   - resync: After how long everything is told again; nil for never.
  ///   - trim: Leaves away what nobody needs of an object.
  ///   - keep: What is kept of an object once its change is told; what is told of it later, and
  ///     only inferred, shows no more.
  ///   - handlers: Are told each change, in order; they must return at once, as adding to a queue
  ///     does.
  package init(
    _ client: KubernetesClient, _ selection: Selection,
    indexes: [String: ObjectCache.Index] = [:], resync: Interval? = nil,
    reflector: Reflector = Reflector(),
    trim: @escaping @Sendable (KubernetesObject) -> KubernetesObject = { $0 },
    keep: @escaping @Sendable (KubernetesObject) -> KubernetesObject = { $0 },
    handlers: [@Sendable (CacheChange) -> Void] = []
  ) {
    self.client = client
    self.selection = selection
    self.resync = resync
    self.trim = trim
    self.handlers = handlers
    self.reflector = reflector
    cache = ObjectCache(indexes: indexes, keep: keep)
  }

  // MARK: - Reading

  /// Whether a whole list has arrived; before that, absence means nothing.
  package var isSynced: Bool { reflector.hasSynced }

  /// Whether the copy is behind by no more than what is on its way.
  package var isCurrent: Bool { reflector.isCurrent }

  /// What keeps it from going on; nil while all is well.
  package var trouble: APIError? { reflector.trouble }

  /// All objects in the order of their keys.
  package var objects: [KubernetesObject] { cache.all }

  /// The object of that key.
  package func object(_ key: ObjectKey) -> KubernetesObject? { cache[key] }

  /// The objects that an index has under a word.
  package func objects(_ index: String, _ word: String) -> [KubernetesObject] {
    cache.objects(index, word)
  }

  /// Tells somebody who comes late of the objects that are meant, before any later change is told.
  package func retell(
    where isMeant: @Sendable (KubernetesObject) -> Bool,
    to handler: @Sendable (CacheChange) -> Void
  ) {
    for object in cache.all where isMeant(object) { handler(.resynced(object)) }
  }

  /// Returns when a whole list has arrived, or when the informer has ended.
  package func waitUntilSynced() async {
    while !reflector.hasSynced, !hasEnded {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  // MARK: - Running

  /// Follows the collection until the task is cancelled.
  package func run() async {
    defer {
      hasEnded = true
      wake()
    }
    var event = Reflector.Event.ready
    while !Task.isCancelled {
      client.recorder.turned(.informer(selection))
      event = await carryOut(await handle(event))
    }
  }

  private func handle(_ event: Reflector.Event) async -> Reflector.Action? {
    let fraction = await client.fraction()
    return absorb(reflector.handle(event, at: client.clock.now(), fraction: fraction))
  }

  /// Brings the copy up to date and returns what is left to do.
  private func absorb(_ actions: [Reflector.Action]) -> Reflector.Action? {
    var next: Reflector.Action?
    for action in actions {
      switch action {
      case .replace(let objects):
        tell(cache.replace(with: objects.map(trim)))
        resyncedAt = client.clock.now()
      case .put(let object): tell(cache.put(trim(object)))
      case .remove(let object): tell(cache.remove(object))
      case .list, .watch, .wait: next = action
      }
    }
    if reflector.hasSynced { wake() }
    return next
  }

  private func carryOut(_ action: Reflector.Action?) async -> Reflector.Event {
    switch action {
    case .list:
      do throws(APIError) {
        return .listed(try await client.list(selection))
      } catch {
        return .listFailed(error)
      }
    case .watch(let start, let duration):
      client.recorder.watchBegins(of: selection.type, isFirst: !hasWatched)
      hasWatched = true
      return .watchEnded(
        await client.watch(selection, from: start, lasting: duration) { await hear($0) })
    case .wait(let delay):
      await client.clock.sleep(until: client.clock.now() + delay)
      resyncIfDue()
      return .ready
    case .replace, .put, .remove, nil: return .ready
    }
  }

  private func hear(_ event: WatchEvent) async {
    client.recorder.turned(.informer(selection))
    _ = await handle(.heard(event))
    resyncIfDue()
  }

  /// Tells everything again when it is time; events and bookmarks come often enough to be the
  /// clock.
  private func resyncIfDue() {
    guard let resync, let resyncedAt, client.clock.now() - resyncedAt >= resync else { return }
    self.resyncedAt = client.clock.now()
    tell(cache.all.map { .resynced($0) })
  }

  private func tell(_ changes: [CacheChange]) {
    for change in changes { for handler in handlers { handler(change) } }
  }

  private func wake() {
    for one in waiting { one.resume() }
    waiting = []
  }
}
