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

  // MARK: What a run decides by

  private func ledger(isDirty: Bool, interruptedBy run: RunID? = nil) -> LedgerReading {
    LedgerReading(
      version: 2, isDirty: isDirty, asOf: Timestamp(milliseconds: 1), interruptedRun: run)
  }

  /// What is read, and whether the lock was asked for.
  private func read(
    _ reading: LedgerReading, underLock locked: Result<LedgerReading, StepFailure>
  ) throws(StepFailure) -> (reading: LedgerReading, isLocked: Bool) {
    var isLocked = false
    let read = try DirtyMark.reading { () throws(StepFailure) in
      reading
    } underLock: { () throws(StepFailure) in
      isLocked = true
      return try locked.get()
    }
    return (read, isLocked)
  }

  @Test func `a run asks for no lock over a clean ledger or a mark of Windlass's own`() throws {
    for reading in [ledger(isDirty: false), ledger(isDirty: true, interruptedBy: "run")] {
      let (read, isLocked) = try read(reading, underLock: .failure(held))
      #expect(read == reading && !isLocked)
    }
  }

  @Test func `a run waits while the maker of a mark is at work`() {
    let failure = #expect(throws: StepFailure.self) {
      try read(ledger(isDirty: true), underLock: .failure(held))
    }
    #expect(failure?.code == "MigrationRunning" && failure?.disposition == .wait)
    #expect(failure?.message == "held")
  }

  @Test func `a run goes by what is read under the lock`() throws {
    for locked in [ledger(isDirty: true), ledger(isDirty: false)] {
      let (read, isLocked) = try read(ledger(isDirty: true), underLock: .success(locked))
      #expect(read == locked && isLocked)
    }
  }

  @Test(arguments: ["AccessDenied", "PrivilegeMissing", "DatabaseReadOnly"])
  func `a run whose user may not take the lock goes by what the ledger says`(code: String) throws {
    let refused = StepFailure(code: code, disposition: .stop, message: "no")
    let (read, isLocked) = try read(ledger(isDirty: true), underLock: .failure(refused))
    #expect(read == ledger(isDirty: true) && isLocked)
  }

  @Test func `another failure under the lock is the reading's`() {
    let lost = StepFailure(code: "ConnectionLost", disposition: .retry, message: "lost")
    #expect(throws: lost) { try read(ledger(isDirty: true), underLock: .failure(lost)) }
  }

  // MARK: What is told of a schema

  private func report(isDirty: Bool, interrupted: Bool = false) -> SchemaReport {
    SchemaReport(
      version: 2, isDirty: isDirty, epoch: nil, systemID: "", committedRun: nil, history: [],
      drift: nil,
      interrupted: interrupted
        ? InterruptedMigration(
          version: 2, before: 1, run: "r", file: "2_b.up.sql", position: 1, count: 1, line: 1,
          standing: .notBegun) : nil)
  }

  private func told(
    _ report: SchemaReport, underLock locked: Result<SchemaReport, StepFailure>
  ) throws(StepFailure) -> (report: SchemaReport, isLocked: Bool) {
    var isLocked = false
    let told = try DirtyMark.report { () throws(StepFailure) in
      report
    } underLock: { () throws(StepFailure) in
      isLocked = true
      return try locked.get()
    }
    return (told, isLocked)
  }

  @Test func `of a clean ledger and of Windlass's own mark the lock is not asked`() throws {
    for report in [report(isDirty: false), report(isDirty: true, interrupted: true)] {
      let (told, isLocked) = try told(report, underLock: .failure(held))
      #expect(told == report && !isLocked)
    }
  }

  @Test func `while the maker of a mark is at work the report says who`() throws {
    let (told, _) = try told(report(isDirty: true), underLock: .failure(held))
    #expect(told.atWork == "held" && told.isDirty)
  }

  @Test func `what is read under the lock is told, whether the mark is there or gone`() throws {
    for locked in [report(isDirty: true), report(isDirty: false)] {
      let (told, _) = try told(report(isDirty: true), underLock: .success(locked))
      #expect(told == locked && told.atWork == nil)
    }
  }

  @Test(arguments: ["AccessDenied", "PrivilegeMissing", "DatabaseReadOnly"])
  func `who may not take the lock is told what the ledger says`(code: String) throws {
    let refused = StepFailure(code: code, disposition: .stop, message: "no")
    let (told, isLocked) = try told(report(isDirty: true), underLock: .failure(refused))
    #expect(told == report(isDirty: true) && isLocked)
  }

  @Test func `another failure under the lock is told`() {
    let lost = StepFailure(code: "ConnectionLost", disposition: .retry, message: "lost")
    #expect(throws: lost) { try told(report(isDirty: true), underLock: .failure(lost)) }
  }
}
