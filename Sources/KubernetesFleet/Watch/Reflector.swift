package import WindlassCore
import WindlassWire

/// Decides how a local copy of a collection is kept like the server's.
///
/// Pure: what happened comes in, what is to be done goes out, and chance comes in as a number.
/// Rules: a copy is replaced only by a whole list; nothing is ever concluded from silence; history
/// that was lost (410) leads to a new list, wherever it is told; a list is read from the authority,
/// so that the copy never goes back in time; and now and then the collection is listed anew, so
/// that an event that nobody sent is found after all.
package struct Reflector: Hashable, Sendable {
  /// What happened.
  package enum Event: Hashable, Sendable {
    /// The beginning, or the end of a pause.
    case ready
    case listed(ObjectList)
    case listFailed(APIError)
    case heard(WatchEvent)
    case watchEnded(WatchEnd)
  }

  /// What is to be done. The last of several is a `list`, `watch` or `wait` when nothing of that
  /// kind is under way.
  package enum Action: Hashable, Sendable {
    case list
    case watch(from: WatchStart, lasting: Interval)
    case wait(Interval)
    case replace([KubernetesObject])
    case put(KubernetesObject)
    case remove(KubernetesObject)
  }

  /// How long a list may serve before the collection is listed anew.
  package static let relistInterval = Interval.minutes(30)
  /// Watches in a row that may say nothing, not even a bookmark, before the collection is listed
  /// anew: a server that was restored from a backup says nothing for ever.
  package static let quietWatchesMax = 2
  /// Streamed lists in a row that may fail before a list is asked for in the old way.
  package static let streamFailuresMax = 3

  private enum Phase: Hashable, Sendable {
    case resting
    case listing
    /// Initial events are coming, of these objects so far.
    case streaming([ObjectKey: KubernetesObject])
    case watching
  }

  private var phase = Phase.resting
  /// The version up to which everything is known; nil before a list.
  private var version: String?
  /// Whether this server sends initial events; found out by asking.
  private var streams: Bool
  private var failures = 0
  private var streamFailures = 0
  private var quietWatches = 0
  private var heard = 0
  private var watchBegan = Timestamp(milliseconds: 0)
  private var listedAt = Timestamp(milliseconds: 0)
  private let backoff: Backoff

  /// Whether a whole list has ever arrived. Before that nothing may be concluded from absence.
  package private(set) var hasSynced = false
  /// Whether the copy is only behind by what is on its way: false from a loss of history to the
  /// next list.
  package private(set) var isCurrent = false
  /// What keeps it from going on; nil while all is well.
  package private(set) var trouble: APIError?

  /// A reflector that knows nothing yet.
  package init(streamsLists: Bool = true, backoff: Backoff = Backoff()) {
    streams = streamsLists
    self.backoff = backoff
  }

  /// Takes in what happened and says what to do; `fraction` is chance, from 0 up to 1.
  package mutating func handle(
    _ event: Event, at now: Timestamp, fraction: Double
  ) -> [Action] {
    switch event {
    case .ready: return [begin(now, fraction)]
    case .listed(let list):
      settle(list.resourceVersion, now)
      phase = .resting
      return [.replace(list.objects), begin(now, fraction)]
    case .listFailed(let error): return [pause(error, fraction)]
    case .heard(let event): return hear(event, now)
    case .watchEnded(let end):
      defer { heard = 0 }
      if case .streaming = phase { return [streamEnded(end, now, fraction)] }
      return [watchEnded(end, now, fraction)]
    }
  }

  // MARK: - What to ask next

  private mutating func begin(_ now: Timestamp, _ fraction: Double) -> Action {
    let lasting =
      ClientBounds.watchDuration
      + .milliseconds(Int64(Double(ClientBounds.watchDuration.milliseconds) * fraction))
    watchBegan = now
    heard = 0
    if let version {
      phase = .watching
      return .watch(from: .after(resourceVersion: version), lasting: lasting)
    }
    guard streams, streamFailures < Reflector.streamFailuresMax else {
      phase = .listing
      return .list
    }
    phase = .streaming([:])
    return .watch(from: .initialEvents, lasting: lasting)
  }

  private mutating func pause(_ error: APIError, _ fraction: Double) -> Action {
    phase = .resting
    failures += 1
    trouble = error
    return .wait(
      backoff.delay(afterFailures: failures, atLeast: error.retryAfter, fraction: fraction))
  }

  /// Notes that a whole list has arrived.
  private mutating func settle(_ version: String, _ now: Timestamp) {
    self.version = version
    listedAt = now
    hasSynced = true
    isCurrent = true
    trouble = nil
    failures = 0
    streamFailures = 0
    quietWatches = 0
  }

  // MARK: - Events of a watch

  private mutating func hear(_ event: WatchEvent, _ now: Timestamp) -> [Action] {
    heard += 1
    if case .streaming(let objects) = phase { return collect(event, objects, now) }
    guard phase == .watching else { return [] }
    // A watch that speaks is one that works.
    failures = 0
    trouble = nil
    switch event {
    case .added(let object), .modified(let object):
      version = object.resourceVersion
      return [.put(object)]
    case .deleted(let object):
      version = object.resourceVersion
      return [.remove(object)]
    case .bookmark(let newer, _):
      version = newer
      return []
    case .failed: return []
    }
  }

  private mutating func collect(
    _ event: WatchEvent, _ objects: [ObjectKey: KubernetesObject], _ now: Timestamp
  ) -> [Action] {
    var objects = objects
    switch event {
    case .added(let object), .modified(let object): objects[object.key] = object
    case .deleted(let object): objects[object.key] = nil
    case .bookmark(let version, true):
      settle(version, now)
      phase = .watching
      return [.replace(objects.sorted { $0.key < $1.key }.map(\.value))]
    case .bookmark(_, false), .failed: return []
    }
    phase = .streaming(objects)
    return []
  }

  private mutating func streamEnded(
    _ end: WatchEnd, _ now: Timestamp, _ fraction: Double
  ) -> Action {
    guard case .broken(let error) = end else {
      streamFailures += 1
      return pause(
        APIError(
          .noAnswer, request: "WATCH", detail: "the server ended the list before it was whole"),
        fraction)
    }
    switch error.code {
    // The server knows no initial events.
    case .invalid, .badRequest:
      streams = false
      return begin(now, fraction)
    case .forbidden, .unauthorized, .unknownResource, .noCredentials, .untrusted, .unreachable:
      break
    default: streamFailures += 1
    }
    return pause(error, fraction)
  }

  private mutating func watchEnded(
    _ end: WatchEnd, _ now: Timestamp, _ fraction: Double
  ) -> Action {
    quietWatches = heard == 0 ? quietWatches + 1 : 0
    if now - listedAt >= Reflector.relistInterval { version = nil }
    if case .broken(let error) = end {
      if error.code == .expired {
        version = nil
        isCurrent = false
        // The first time at once; a server that loses its history again and again is left alone.
        guard failures > 0 else {
          failures = 1
          return begin(now, fraction)
        }
      }
      return pause(error, fraction)
    }
    if quietWatches >= Reflector.quietWatchesMax { version = nil }
    // A watch that ends as soon as it begins would otherwise be asked for without a pause.
    if heard == 0, now - watchBegan < .seconds(1) {
      return pause(
        APIError(.noAnswer, request: "WATCH", detail: "the server ended the watch at once"),
        fraction)
    }
    return begin(now, fraction)
  }
}
