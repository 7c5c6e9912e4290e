import Foundation
import Testing
import WindlassSchema

/// Work that is done on the thread that waits for it.
struct BlockingExecutorTests {
  /// An actor that works where it is told.
  private actor Worker {
    private let executor: BlockingExecutor
    private(set) var sum = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
      executor.asUnownedSerialExecutor()
    }

    init(on executor: BlockingExecutor) { self.executor = executor }

    func add(_ number: Int) -> UInt {
      preconditionIsolated()
      sum += number
      return pthread_self()
    }
  }

  /// What a thread of its own makes of the work; the pool's must not be stopped.
  private func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () -> Result
  ) async -> Result {
    await withCheckedContinuation { continuation in
      Thread { continuation.resume(returning: body()) }.start()
    }
  }

  @Test func `everything is done on the thread that waits, an actor's work as well`() async {
    let isAlone = await onThread {
      let mine = pthread_self()
      return BlockingExecutor.run { executor in
        let worker = Worker(on: executor)
        var threads: [UInt] = []
        for number in 1...10 { threads.append(await worker.add(number)) }
        return await worker.sum == 55 && threads.allSatisfy { $0 == mine }
      }
    }
    #expect(isAlone)
  }

  @Test func `work that sleeps is gone on with on the same thread`() async {
    let isAlone = await onThread {
      let mine = pthread_self()
      return BlockingExecutor.run { executor in
        let worker = Worker(on: executor)
        try? await Task.sleep(for: .milliseconds(1))
        return await worker.add(1) == mine
      }
    }
    #expect(isAlone)
  }

  @Test func `work for another executor ends, and its result comes back`() async {
    let sum = await onThread {
      BlockingExecutor.run { _ in
        let worker = Worker(on: BlockingExecutor(label: "test.other"))
        async let first = worker.add(1)
        async let second = worker.add(2)
        _ = await (first, second)
        return await worker.sum
      }
    }
    #expect(sum == 3)
  }
}
