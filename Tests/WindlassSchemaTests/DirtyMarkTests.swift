import Testing
import WindlassCore
import WindlassSchema

/// When a dirty mark of another tool is believed.
struct DirtyMarkTests {
  private typealias Reading = Result<Int, StepFailure>

  /// What came of it, and whether the lock was asked for.
  private struct Ending: Equatable {
    var outcome: Reading
    var isLocked: Bool
  }

  /// Settles a reading and one under the lock.
  private func settled(_ reading: Reading, underLock locked: Reading) -> Ending {
    var isLocked = false
    do throws(StepFailure) {
      let value = try DirtyMark.settled { () throws(StepFailure) in
        try reading.get()
      } underLock: { () throws(StepFailure) in
        isLocked = true
        return try locked.get()
      }
      return Ending(outcome: .success(value), isLocked: isLocked)
    } catch {
      return Ending(outcome: .failure(error), isLocked: isLocked)
    }
  }

  private let dirty = MigrationHistory.dirty(2, database: "db/app")
  private let held = StepFailure(code: "DatabaseLocked", disposition: .retry, message: "held")

  @Test func `a clean ledger is read without the lock`() {
    #expect(
      settled(.success(1), underLock: .failure(held))
        == Ending(outcome: .success(1), isLocked: false))
  }

  @Test func `a mark that is gone under the lock was that of a tool at work`() {
    #expect(
      settled(.failure(dirty), underLock: .success(2))
        == Ending(outcome: .success(2), isLocked: true))
  }

  @Test func `a mark that is still there under the lock is believed`() {
    #expect(
      settled(.failure(dirty), underLock: .failure(dirty))
        == Ending(outcome: .failure(dirty), isLocked: true))
  }

  @Test func `while the lock is held nothing is said of the mark`() {
    #expect(
      settled(.failure(dirty), underLock: .failure(held))
        == Ending(outcome: .failure(held), isLocked: true))
  }

  @Test func `another failure is told at once`() {
    let drift = StepFailure(code: "SchemaDrift", disposition: .stop, message: "drift")
    #expect(
      settled(.failure(drift), underLock: .success(2))
        == Ending(outcome: .failure(drift), isLocked: false))
  }
}
