import Glibc
import Testing

/// Waits until the condition holds, for a minute at most.
func eventually(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while try !condition() {
    try #require(
      ContinuousClock.now < deadline, "waited in vain for \(what)", sourceLocation: sourceLocation)
    await Task.yield()
    usleep(2_000)
  }
}
