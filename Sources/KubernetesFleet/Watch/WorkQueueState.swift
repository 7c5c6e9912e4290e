package import WindlassCore

/// Which keys are to be worked on, in what order and when: one worker per key at a time, each key
/// once however often it was added, and failures with growing pauses.
package struct WorkQueueState<Key: Hashable & Sendable>: Sendable {
  /// Keys in line, in order; those before `first` have left it.
  private var line: [Key] = []
  private var first = 0
  /// Keys in line, and those in work that were added again.
  private var wanted: Set<Key> = []
  private var inWork: Set<Key> = []
  private var later: [Key: Timestamp] = [:]
  private var failures: [Key: Int] = [:]
  private var bucket: TokenBucket
  private let backoff: Backoff
  /// Whether nothing is handed out any more.
  package private(set) var isClosed = false

  /// An empty queue; the bucket bounds repetitions of all keys together.
  package init(
    backoff: Backoff = Backoff(first: .milliseconds(5), longest: .minutes(15)),
    bucket: TokenBucket = TokenBucket(perSecond: 10, burst: 100)
  ) {
    self.backoff = backoff
    self.bucket = bucket
  }

  /// Keys that wait for a worker.
  package var depth: Int { line.count - first }

  /// Keys that wait for their time.
  package var delayed: Int { later.count }

  /// When the next key's time comes; nil when none waits for a time.
  package var nextDue: Timestamp? { later.values.min() }

  /// Puts a key in line. One that is there already stays in its place; one that is in work comes
  /// again when that is done.
  package mutating func add(_ key: Key) {
    guard !isClosed, wanted.insert(key).inserted, !inWork.contains(key) else { return }
    line.append(key)
  }

  /// Puts a key in line at a time; an earlier time that was asked for holds.
  package mutating func add(_ key: Key, at time: Timestamp) {
    guard !isClosed else { return }
    later[key] = min(later[key] ?? time, time)
  }

  /// Takes the next key for a worker; nil when none is ready.
  package mutating func take(at now: Timestamp) -> Key? {
    guard !isClosed else { return nil }
    let due = later.filter { $0.value <= now }
    for (key, _) in due.sorted(by: { $0.value < $1.value }) {
      later[key] = nil
      add(key)
    }
    guard first < line.count else { return nil }
    let key = line[first]
    first += 1
    if first * 2 > line.count {
      line.removeFirst(first)
      first = 0
    }
    wanted.remove(key)
    inWork.insert(key)
    return key
  }

  /// Ends the work on a key, so that it may be handed out again.
  package mutating func finish(_ key: Key) {
    inWork.remove(key)
    guard !isClosed, wanted.contains(key) else { return }
    line.append(key)
  }

  /// Asks for a key again after a failure: later each time, and not all keys at once.
  package mutating func retry(_ key: Key, at now: Timestamp, fraction: Double) {
    let count = (failures[key] ?? 0) + 1
    failures[key] = count
    let own = backoff.delay(afterFailures: count, atLeast: nil, fraction: fraction)
    add(key, at: now + max(own, bucket.take(at: now)))
  }

  /// Forgets a key's failures.
  package mutating func forget(_ key: Key) { failures[key] = nil }

  /// How often in a row a key has failed.
  package func failureCount(_ key: Key) -> Int { failures[key] ?? 0 }

  /// Hands out nothing any more.
  package mutating func close() {
    isClosed = true
    line = []
    first = 0
    wanted = []
    later = [:]
  }
}
