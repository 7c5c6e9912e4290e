import Dispatch
import Glibc
import Synchronization
import WindlassWire

/// Clients that ask one request after another, each on a new connection, and count every reply.
final class Load: Sendable {
  /// What became of the requests.
  struct Outcome: Sendable {
    var total = 0
    var lost = 0
  }

  private let outcome = Mutex(Outcome())
  private let isOver = Mutex(false)
  private let group = DispatchGroup()

  /// Starts asking.
  init(port: UInt16, clients: Int = 4) {
    for _ in 0..<clients {
      DispatchQueue(label: "load").async(group: group) { [self] in
        while !isOver.withLock({ $0 }) { ask(port) }
      }
    }
  }

  private func ask(_ port: UInt16) {
    guard let client = PlainClient(port: port) else {
      outcome.withLock { $0.lost += 1 }
      return
    }
    client.send("GET", "/")
    let isWhole = (try? client.receive().get())?.status == 200
    outcome.withLock { outcome in
      outcome.total += 1
      if !isWhole { outcome.lost += 1 }
    }
  }

  /// Stops asking, waits for the last replies and returns what became of all.
  func finish() async -> Outcome {
    isOver.withLock { $0 = true }
    await withCheckedContinuation { continuation in
      group.notify(queue: .global()) { continuation.resume() }
    }
    return outcome.withLock { $0 }
  }
}
