import Synchronization
import Testing
import WindlassCore

@testable import KubernetesFleet

/// The order and the timing of work.
struct WorkQueueTests {
  private let start = Timestamp(milliseconds: 1_800_000_000_000)

  @Test func `a key that is added often is worked on once`() {
    var queue = WorkQueueState<String>()
    for key in ["a", "b", "a", "a"] { queue.add(key) }
    #expect(queue.depth == 2)
    #expect(queue.take(at: start) == "a")
    #expect(queue.take(at: start) == "b")
    #expect(queue.take(at: start) == nil)
  }

  @Test func `a key in work comes again when it was added meanwhile, and not before the end`() {
    var queue = WorkQueueState<String>()
    queue.add("a")
    #expect(queue.take(at: start) == "a")
    queue.add("a")
    queue.add("a")
    #expect(queue.take(at: start) == nil)
    queue.finish("a")
    #expect(queue.take(at: start) == "a")
    queue.finish("a")
    #expect(queue.take(at: start) == nil)
  }

  @Test func `a key waits for its time, and an earlier one holds`() {
    var queue = WorkQueueState<String>()
    queue.add("a", at: start + .seconds(5))
    queue.add("a", at: start + .seconds(9))
    queue.add("b", at: start + .seconds(2))
    #expect(queue.nextDue == start + .seconds(2))
    #expect(queue.take(at: start + .seconds(1)) == nil)
    #expect(queue.take(at: start + .seconds(5)) == "b")
    #expect(queue.take(at: start + .seconds(5)) == "a")
    #expect(queue.nextDue == nil)
  }

  @Test func `failures come again later each time, until one success`() {
    var queue = WorkQueueState<String>(
      backoff: Backoff(first: .milliseconds(100), longest: .seconds(1)))
    var pauses: [Int64] = []
    for _ in 0..<5 {
      queue.retry("a", at: start, fraction: 0.5)
      pauses.append((queue.nextDue ?? start).milliseconds - start.milliseconds)
      #expect(queue.take(at: start + .seconds(1)) == "a")
      queue.finish("a")
    }
    #expect(pauses == [50, 100, 200, 400, 500])
    queue.forget("a")
    #expect(queue.failureCount("a") == 0)
  }

  @Test func `failures of all keys together have a rate`() {
    var queue = WorkQueueState<Int>(bucket: TokenBucket(perSecond: 10, burst: 2))
    for key in 0..<5 { queue.retry(key, at: start, fraction: 0) }
    #expect(queue.take(at: start + .milliseconds(1)) != nil)
    #expect(queue.take(at: start + .milliseconds(1)) != nil)
    #expect(queue.take(at: start + .milliseconds(99)) == nil)
    #expect(queue.take(at: start + .milliseconds(100)) == 2)
  }

  @Test func `a closed queue hands out nothing`() {
    var queue = WorkQueueState<String>()
    queue.add("a")
    queue.close()
    queue.add("b")
    queue.add("c", at: start)
    #expect(queue.take(at: start) == nil)
    #expect(queue.nextDue == nil)
  }

  @Test(arguments: UInt64(1)...100)
  func `no key is lost, and none is in two hands`(seed: UInt64) {
    var chance = SeededGenerator(seed: seed)
    var queue = WorkQueueState<Int>(bucket: TokenBucket(perSecond: 1_000, burst: 1_000))
    var now = start
    var inWork: Set<Int> = []
    var owed: Set<Int> = []
    for _ in 0..<500 {
      now = now + .milliseconds(Int64(chance.next() % 20))
      let key = Int(chance.next() % 6)
      switch chance.next() % 4 {
      case 0:
        queue.add(key)
        owed.insert(key)
      case 1:
        queue.add(key, at: now + .milliseconds(Int64(chance.next() % 50)))
        owed.insert(key)
      case 2:
        guard let taken = queue.take(at: now) else { continue }
        #expect(inWork.insert(taken).inserted, "seed \(seed)")
        owed.remove(taken)
      default:
        guard let done = inWork.min() else { continue }
        inWork.remove(done)
        queue.finish(done)
      }
    }
    for key in inWork { queue.finish(key) }
    var rest: Set<Int> = []
    while let taken = queue.take(at: now + .minutes(1)) {
      rest.insert(taken)
      queue.finish(taken)
    }
    #expect(owed.isSubset(of: rest), "seed \(seed)")
  }

  @Test func `workers share the keys, and each key has one at a time`() async {
    let queue = WorkQueue<Int>(clock: ManualClock(), random: FixedRandom())
    let hands = Hands()
    for key in 0..<20 { queue.add(key) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await queue.run(workers: 4) { key in
          hands.take(key)
          if key < 10 { queue.add(key + 100) }
          for _ in 0..<3 { await Task.yield() }
          hands.drop(key)
          return .done
        }
      }
      #expect(await eventually { hands.count == 30 })
      queue.close()
    }
    #expect(hands.clashes == 0)
  }

  @Test func `work that failed or wants to comes again at its time`() async {
    let clock = ManualClock()
    let queue = WorkQueue<String>(
      WorkQueueState(backoff: Backoff(first: .seconds(2), longest: .seconds(60))), clock: clock,
      random: FixedRandom())
    let done = Counter()
    queue.add("failing")
    queue.add("patient")
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await queue.run(workers: 2) { key in
          done.add(key)
          return key == "failing" ? .failed : .again(after: .seconds(10))
        }
      }
      #expect(await eventually { done.words.count == 2 })
      #expect(await eventually { !clock.slept.isEmpty })
      clock.advance(by: .seconds(1))
      #expect(await eventually { done.words.count == 3 })
      clock.advance(by: .seconds(9))
      #expect(await eventually { done.words.count == 5 })
      queue.close()
    }
    #expect(done.words.filter { $0 == "patient" }.count == 2)
  }

  @Test func `a cancelled queue lets its workers go`() async {
    let queue = WorkQueue<String>(clock: ManualClock(), random: FixedRandom())
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await queue.run(workers: 3) { _ in .done } }
      await Task.yield()
      group.cancelAll()
    }
  }
}

/// Which keys are in somebody's hands.
private final class Hands: Sendable {
  private struct State {
    var held: Set<Int> = []
    var count = 0
    var clashes = 0
  }
  private let state = Mutex(State())

  var count: Int { state.withLock { $0.count } }
  var clashes: Int { state.withLock { $0.clashes } }

  func take(_ key: Int) {
    state.withLock { state in
      if !state.held.insert(key).inserted { state.clashes += 1 }
    }
  }

  func drop(_ key: Int) {
    state.withLock { state in
      state.held.remove(key)
      state.count += 1
    }
  }
}
