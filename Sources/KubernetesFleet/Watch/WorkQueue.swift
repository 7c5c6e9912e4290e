import Synchronization
package import WindlassCore

/// What work on a key has come to.
package enum WorkOutcome: Hashable, Sendable {
  /// Nothing is left to do until something changes.
  case done
  /// To be looked at again then, whatever happens.
  case again(after: Interval)
  /// To be repeated, later each time.
  case failed
}

/// A queue of keys with its workers.
package final class WorkQueue<Key: Hashable & Sendable>: Sendable {
  private let state: Mutex<WorkQueueState<Key>>
  private let clock: any RunClock
  private let random: any RandomSource
  private let news = Signal()

  /// An empty queue.
  package init(
    _ state: WorkQueueState<Key> = WorkQueueState(), clock: any RunClock,
    random: any RandomSource = SystemRandom()
  ) {
    self.state = Mutex(state)
    self.clock = clock
    self.random = random
  }

  /// Keys that wait for a worker.
  package var depth: Int { state.withLock { $0.depth } }

  /// Asks for work on a key.
  package func add(_ key: Key) {
    state.withLock { $0.add(key) }
    news.send()
  }

  /// Asks for work on a key at a time.
  package func add(_ key: Key, at time: Timestamp) {
    state.withLock { $0.add(key, at: time) }
    news.send()
  }

  /// Ends the work: what is in work is finished, nothing else is begun.
  package func close() {
    state.withLock { $0.close() }
    news.send()
  }

  /// Works on keys until the queue is closed or the task is cancelled; each key by one worker at a
  /// time.
  package func run(workers: Int, _ work: @escaping @Sendable (Key) async -> WorkOutcome) async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, workers) {
        group.addTask {
          while let key = await self.next() { self.settle(key, await work(key)) }
        }
      }
    }
  }

  private func settle(_ key: Key, _ outcome: WorkOutcome) {
    let now = clock.now()
    state.withLock { state in
      switch outcome {
      case .done: state.forget(key)
      case .again(let delay):
        state.forget(key)
        state.add(key, at: now + delay)
      case .failed: state.retry(key, at: now, fraction: random.fraction())
      }
      state.finish(key)
    }
    news.send()
  }

  private func next() async -> Key? {
    while !Task.isCancelled {
      // Read before the queue: what is added in between ends the wait at once.
      let seen = news.count
      let now = clock.now()
      let (key, due, isClosed) = state.withLock { state in
        (state.take(at: now), state.nextDue, state.isClosed)
      }
      if let key { return key }
      guard !isClosed else { return nil }
      await news.wait(after: seen, orUntil: due, clock)
    }
    return nil
  }
}
