import Synchronization
import Testing

@testable import windlass

/// Who comes when among those that want to begin.
struct TurnstileTests {
  /// Who has passed, in that order.
  private final class Passed: Sendable {
    private let passed = Mutex<[String]>([])

    var names: [String] { passed.withLock(\.self) }

    func add(_ name: String) { passed.withLock { $0.append(name) } }
  }

  @Test func `no more pass than may, and what is urgent comes first`() async {
    let turnstile = Turnstile(atOnce: 1)
    let order = Passed()
    let (opening, open) = AsyncStream.makeStream(of: Void.self)
    await withTaskGroup(of: Void.self) { group in
      let pass = { @Sendable (name: String, isUrgent: Bool) in
        await turnstile.pass(isUrgent: isUrgent) {
          order.add(name)
          // The first one stays until all others wait.
          if name == "first" { for await _ in opening {} }
        }
      }
      group.addTask { await pass("first", false) }
      while order.names.isEmpty { await Task.yield() }
      for (name, isUrgent) in [("rest 1", false), ("run 1", true), ("rest 2", false)] {
        let before = turnstile.waiting
        group.addTask { await pass(name, isUrgent) }
        while turnstile.waiting == before { await Task.yield() }
      }
      #expect(order.names == ["first"])
      open.finish()
    }
    #expect(order.names == ["first", "run 1", "rest 1", "rest 2"])
    #expect(turnstile.waiting == 0)
  }

  @Test func `as many pass together as may`() async {
    let turnstile = Turnstile(atOnce: 2)
    let inside = Passed()
    await withTaskGroup(of: Void.self) { group in
      for name in ["one", "two"] {
        group.addTask {
          await turnstile.pass {
            inside.add(name)
            // Each waits for the other, who has to be let in for that.
            while inside.names.count < 2 { await Task.yield() }
          }
        }
      }
    }
    #expect(inside.names.sorted() == ["one", "two"])
  }

  @Test func `whoever fails lets the next one pass`() async throws {
    struct Failure: Error {}
    let turnstile = Turnstile(atOnce: 1)
    await #expect(throws: Failure.self) { try await turnstile.pass { throw Failure() } }
    #expect(await turnstile.pass { 7 } == 7)
  }
}
