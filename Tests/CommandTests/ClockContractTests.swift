import Testing
import WindlassContracts
import WindlassCore

@testable import windlass

/// The contract of a run's clock, on the host's time.
struct ClockContractTests {
  struct Subject: RunClockSubject {
    func start(after floor: Timestamp?) -> any RunClock { SystemClock(floor: floor) }
  }

  @Test(arguments: RunClockContract.clauses)
  func `the host's clock keeps its contract`(clause: RunClockContract.Clause) async throws {
    try await clause.check(Subject())
  }
}
