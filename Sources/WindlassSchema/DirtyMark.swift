package import WindlassCore

/// The dirty mark of another tool in a ledger, and when it is believed.
///
/// golang-migrate marks the ledger before each migration and takes the mark away behind it, both
/// under its lock. A mark that is read without that lock may belong to a migration that is running
/// well; what was left by one that ended halfway is still there when the lock is free.
package enum DirtyMark {
  /// Reads a ledger, and, where it is dirty, once more under the other tool's lock: that reading
  /// holds.
  ///
  /// - Parameters:
  ///   - reading: fails with `DirtyLedger` for a mark that is not Windlass's own.
  ///   - lockedReading: takes every lock of the other tool, reads the same, and gives the locks
  ///     back.
  /// - Throws: what the reading that holds throws; that the lock is not had, for a mark whose
  ///   maker is at work.
  package static func settled<Result>(
    _ reading: () throws(StepFailure) -> Result,
    underLock lockedReading: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    do throws(StepFailure) {
      return try reading()
    } catch {
      guard error.code == "DirtyLedger" else { throw error }
      return try lockedReading()
    }
  }

  /// Reads what a run decides by, by the same rule.
  ///
  /// A user who may not take the locks reads what the ledger says.
  ///
  /// - Throws: `MigrationRunning` with `.wait`, naming the holder, while the maker of another
  ///   tool's mark is at work: such a mark says nothing yet.
  package static func reading(
    _ reading: () throws(StepFailure) -> LedgerReading,
    underLock lockedReading: () throws(StepFailure) -> LedgerReading
  ) throws(StepFailure) -> LedgerReading {
    let found = try reading()
    guard found.isDirty, found.interruptedRun == nil else { return found }
    do throws(StepFailure) {
      return try lockedReading()
    } catch {
      switch error.code {
      case "AccessDenied", "PrivilegeMissing", "DatabaseReadOnly": return found
      case "DatabaseLocked":
        throw StepFailure(code: "MigrationRunning", disposition: .wait, message: error.message)
      default: throw error
      }
    }
  }

  /// Reads what is told of a schema, by the same rule: while the maker of another tool's mark is at
  /// work the report says so, rather than that the mark was left over.
  ///
  /// A user who may not take the locks is told what the ledger says.
  package static func report(
    _ reading: () throws(StepFailure) -> SchemaReport,
    underLock lockedReading: () throws(StepFailure) -> SchemaReport
  ) throws(StepFailure) -> SchemaReport {
    var marked: SchemaReport?
    do throws(StepFailure) {
      return try settled { () throws(StepFailure) in
        let report = try reading()
        guard report.isDirty, report.interrupted == nil else { return report }
        marked = report
        throw MigrationHistory.dirty(report.version, database: "this database")
      } underLock: { () throws(StepFailure) in
        try lockedReading()
      }
    } catch {
      guard var marked else { throw error }
      switch error.code {
      case "DatabaseLocked": marked.atWork = error.message
      case "AccessDenied", "PrivilegeMissing", "DatabaseReadOnly": break
      default: throw error
      }
      return marked
    }
  }
}
