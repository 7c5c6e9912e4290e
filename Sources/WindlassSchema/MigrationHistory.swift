package import WindlassCore

/// Compares a migration directory with the history and the ledger.
package enum MigrationHistory {
  /// Fails for a file that changed after it was applied, one that is missing, and one that came
  /// late, below what is applied.
  ///
  /// - Parameters:
  ///   - history: ascending.
  ///   - sums: the directory's, where they were begun before; nil when they are made here.
  package static func check(
    _ directory: MigrationDirectory, against history: [HistoryEntry], ledger: SchemaVersion?,
    sums: MigrationSums? = nil
  ) throws(StepFailure) {
    if history.isEmpty { sums?.giveUp() }
    let sums = history.isEmpty ? nil : (sums ?? MigrationSums(of: directory)).take()
    let files = directory.entries
    let newest = files.last?.version
    // Both are ascending, so one pass over the files is enough.
    var next = files.startIndex
    for entry in history {
      while next < files.endIndex, files[next].version < entry.version { next += 1 }
      guard next < files.endIndex, files[next].version == entry.version else {
        // Above the newest file it is a later release's, which this one may run on.
        if let newest, entry.version > newest { continue }
        throw missing(entry.version, directory)
      }
      if let sum = sums?[next], sum == SHA256Sum(entry.checksum) { continue }
      // The long way tells what is wrong with a file.
      let checksum = SHA256.digest(of: try directory.bytes(of: files[next]))
      guard checksum == entry.checksum else {
        throw changed(entry, now: checksum, directory: directory.path)
      }
    }
    guard let ledger else { return }
    if directory.entry(ledger) == nil, !history.contains(where: { $0.version == ledger }) {
      throw missing(ledger, directory)
    }
    // Below the first and above the last, another tool migrated; what it ran is not known.
    guard let first = history.first?.version, let last = history.last?.version else { return }
    // Both are ascending, so one pass over the history is enough.
    var place = history.startIndex
    for entry in directory.entries(after: first) where entry.version <= min(last, ledger) {
      while place < history.endIndex, history[place].version < entry.version { place += 1 }
      if place < history.endIndex, history[place].version == entry.version { continue }
      throw StepFailure(
        code: "LateFile", disposition: .stop,
        message: "\(directory.path)/\(entry.upFile ?? entry.downFile ?? "") came late: the ledger"
          + " says \(ledger), and neither Windlass nor golang-migrate would ever run"
          + " \(entry.version). Give it a number above \(ledger).")
    }
  }

  /// The failure for a file that is not what was applied.
  package static func changed(
    _ entry: HistoryEntry, now: Digest, directory: String
  ) -> StepFailure {
    StepFailure(
      code: "ChangedFile", disposition: .stop,
      message: "Migration \(entry.version) (\(entry.file)) in \(directory) has changed since run"
        + " \(entry.run) applied it: its SHA-256 was \(entry.checksum.text.prefix(16))… and is"
        + " \(now.text.prefix(16))…. Put the old file back, and publish the change as a new"
        + " migration.")
  }

  /// The failure for a ledger that is dirty.
  ///
  /// - Parameter database: the database's name for a person.
  package static func dirty(_ version: SchemaVersion?, database: String) -> StepFailure {
    let number = version?.description ?? "the first one"
    return StepFailure(
      code: "DirtyLedger", disposition: .stop,
      message: "The ledger of \(database) is dirty at \(number): another tool began migration"
        + " \(number) or took the one above it back, and did not finish. Windlass never clears"
        + " this mark. Compare the schema with the file; when they agree, clear it with"
        + " `migrate force \(number)` of golang-migrate, then try again.")
  }

  private static func missing(
    _ version: SchemaVersion, _ directory: MigrationDirectory
  ) -> StepFailure {
    StepFailure(
      code: "MissingFile", disposition: .stop,
      message: "Migration \(version) is applied, and \(directory.path) has no file of that"
        + " version. Put the file back, or use the directory that the service was migrated from.")
  }
}
