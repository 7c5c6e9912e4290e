import WindlassCore
import WindlassSchema

/// The end of a migration that ran, while it waits to be written with the beginning of the next
/// one: both take one commit then.
final class MySQLEndings {
  /// The history's line that is to be written, and what the ledger says until it is.
  private(set) var owed: (entry: HistoryEntry, ledger: MySQLLedgerState)?
  private var written: [HistoryEntry] = []
  /// Whether backfills may be under way, which the end of a migration forgets; under Windlass's
  /// lock nobody else begins one.
  var mayHaveBackfills = true

  /// Leaves an end for later; none waits already.
  func owe(_ entry: HistoryEntry, _ ledger: MySQLLedgerState) { owed = (entry, ledger) }

  /// Takes note that the end which waited was written.
  func settle() {
    if let owed { written.append(owed.entry) }
    owed = nil
  }

  /// Takes note of an end that did not wait.
  func note(_ entry: HistoryEntry) { written.append(entry) }

  /// Forgets what waits: nobody knows whether it was written.
  func forget() { owed = nil }

  /// What was written since this was asked last.
  func takeWritten() -> [HistoryEntry] {
    defer { written = [] }
    return written
  }
}
