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
package struct MigrationObservation: Hashable, Codable, Sendable {
  package var migration: Migration
  /// The file's name, for evidence.
  package var file: String
  /// How long the lock that stops others was held.
  package var held: Interval
  /// What a backfill did, whose batches are measured one by one; nil for any other migration.
  package var backfill: BackfillForecast?

  package init(
    migration: Migration, file: String, held: Interval, backfill: BackfillForecast? = nil
  ) {
    self.migration = migration
    self.file = file
    self.held = held
    self.backfill = backfill
  }
}

/// What a backfill did on a copy, and how long it will take beside a service.
package struct BackfillForecast: Hashable, Codable, Sendable {
  /// What it did; nil for a table without rows.
  package private(set) var progress: BackfillProgress?
  /// How long it worked without a rest.
  package private(set) var worked = Interval.zero
  /// The longest that one batch held locks.
  package private(set) var longest = Interval.zero
  /// The share of the time that it will work, in percent.
  private let share: Int

  /// Begins a forecast for a backfill that will work that share of the time.
  package init(share: Int) { self.share = min(100, max(1, share)) }

  /// How long it will take with the rests between its batches.
  package var expected: Interval {
    Interval(milliseconds: worked.milliseconds * 100 / Int64(share))
  }

  /// Takes an attempt into account; whether another one is needed.
  package mutating func goesOn(behind outcome: BackfillOutcome) -> Bool {
    progress = outcome.progress
    longest = max(longest, outcome.longest)
    return !outcome.isFinished
  }

  /// Ends the forecast after that time.
  package mutating func end(after time: Interval) { worked = time }
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

/// What a rehearsal needs of an engine: copies of the database, and to prepare queries on them.
package typealias RehearsalDatabases = ScratchDatabases & QueryPreparation

extension ScratchDatabases {
  /// Nothing, where copies go with the process that made them.
  package func sweepLeftovers() async throws(StepFailure) -> Int { 0 }
}
