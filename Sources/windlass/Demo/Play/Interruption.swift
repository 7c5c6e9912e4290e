import Synchronization
import UnixSignals

/// Whether the person at the terminal, or the system, wants this program to end.
final class Interruption: Sendable {
  private let isRequested = Atomic(false)

  /// Runs the body while SIGINT and SIGTERM are taken as a request to end, which the body looks
  /// for with `check()`.
  static func watching<Outcome>(
    _ body: (Interruption) async throws -> Outcome
  ) async throws -> Outcome {
    let interruption = Interruption()
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
          interruption.isRequested.store(true, ordering: .relaxed)
        }
      }
      defer { group.cancelAll() }
      return try await body(interruption)
    }
  }

  /// Throws `CancellationError` once an end was asked for.
  func check() throws {
    if isRequested.load(ordering: .relaxed) { throw CancellationError() }
  }
}
