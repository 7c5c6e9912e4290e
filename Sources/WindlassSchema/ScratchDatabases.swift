package import WindlassCore

/// A throw-away copy of a service's database.
package struct ScratchCopy: Hashable, Sendable {
  package var label: String
  /// The URL by which a rehearsed server reaches it.
  package var url: String

  package init(label: String, url: String) {
    self.label = label
    self.url = url
  }
}

/// What was observed while a migration ran on a scratch copy.
package struct MigrationObservation: Hashable, Sendable {
  package var migration: Migration
  /// The file's name, for evidence.
  package var file: String
  /// How long the lock that stops others was held.
  package var held: Interval

  package init(migration: Migration, file: String, held: Interval) {
    self.migration = migration
    self.file = file
    self.held = held
  }
}

/// Makes and migrates scratch copies of one service's database.
package protocol ScratchDatabases: Sendable {
  /// Restores the backup into a new scratch copy, replacing a leftover of the same label.
  func restore(_ backup: BackupID, label: String) async throws(StepFailure) -> ScratchCopy

  /// Applies one migration to the copy, as the real run would, without any budget.
  ///
  /// - Throws: `StepFailure`, with `blamesRelease` when the migration itself is at fault: a
  ///   statement fails on these rows, or the file is missing or refused.
  func migrate(
    _ copy: ScratchCopy, _ migration: Migration, from archive: ArchiveReference
  ) async throws(StepFailure) -> MigrationObservation

  /// Reads the copy's catalogue with row counts.
  func catalogue(of copy: ScratchCopy) async throws(StepFailure) -> Catalogue

  /// Removes the copy; one that is gone already is no error.
  func discard(_ copy: ScratchCopy) async throws(StepFailure)

  /// Removes every copy that is there, and returns how many those were; for a start, when no
  /// rehearsal of this service runs and whatever is there was left by one that was killed.
  @discardableResult
  func sweepLeftovers() async throws(StepFailure) -> Int
}

extension ScratchDatabases {
  /// Nothing, where copies go with the process that made them.
  package func sweepLeftovers() async throws(StepFailure) -> Int { 0 }
}
