package import WindlassCore

extension SimulatedAPIServer {
  /// When a watch may have something to say without another request; nil when only a request can
  /// give it something, and for a watch that does not exist.
  package func nextNews(of watch: WatchIdentity) -> Timestamp? {
    guard let open = watches[watch] else { return nil }
    return [open.pending.first?.time, open.nextBookmark, open.ends, nextTask].compactMap { $0 }
      .min()
  }

  /// Lets a user sign in with a token; what it may do is for the roles that are bound to it.
  package mutating func addUser(_ name: String, groups: [String] = [], token: String) {
    tokens[token] = UserIdentity(name: name, groups: groups + ["system:authenticated"])
  }

  /// Watches that clients have open.
  package var openWatches: Int { watches.count }

  /// Forgets for watches what happened up to now, as a server does that starts again.
  package mutating func forgetHistory() {
    let known = Set(store.index.resources + watches.values.map(\.call.type.storage))
    for resource in known { cacheStarts[resource] = store.revision }
  }

  /// Forgets what happened up to now, and ends all watches.
  package mutating func loseWatches() {
    forgetHistory()
    for identity in watches.keys {
      let ends = watches[identity]?.ends
      watches[identity]?.ends = ends.map { min($0, now) } ?? now
    }
  }
}
