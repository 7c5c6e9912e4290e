package import WindlassCore

/// How far a backfill has come, as its row in the service's database says: it is written in the
/// transaction of each batch, so that it is true of the rows whatever happens.
package struct BackfillMark: Hashable, Sendable {
  package var version: SchemaVersion
  /// The walked table and its key, as the file names them.
  package var table: String
  package var key: String
  /// The SHA-256 of the file, which must not change on the way.
  package var checksum: Digest
  /// The run that wrote it last.
  package var run: RunID
  /// The last key that is done in this walk; null before the first.
  package var cursor: SQLValue
  /// The last key that there was when this walk began. Rows above it came later, under whatever the
  /// expansion has put in place for them.
  package var end: SQLValue
  /// Rows of the next batch.
  package var size: Int
  /// Which walk over the table this is, from 1.
  package var walk: Int
  /// Rows met in this walk.
  package var walked: Int64
  /// Rows changed in this walk.
  package var changedInWalk: Int64
  /// Rows changed by all walks.
  package var changed: Int64
  /// Rows that the table was taken to have when this walk began.
  package var estimate: Int64?
  /// The time that all batches took.
  package var worked: Interval
  package var startedAt: Timestamp

  /// The mark of a backfill that begins.
  package init(
    _ step: MigrationStep, _ directive: BackfillDirective, end: SQLValue, estimate: Int64?
  ) {
    version = step.body.version
    table = directive.table
    key = directive.key
    checksum = step.checksum
    run = step.run
    cursor = .null
    self.end = end
    size = directive.batch
    walk = 1
    walked = 0
    changedInWalk = 0
    changed = 0
    self.estimate = estimate
    worked = .zero
    startedAt = step.startedAt
  }

  /// The columns in the order of `values`, for statements that are put together.
  package static let columns = [
    "version", "table_name", "key_name", "checksum", "run", "cursor_key", "end_key", "batch_size",
    "walk", "walked",
    "changed_in_walk", "changed", "estimate", "worked_ms", "started_at",
  ]

  /// Reads a row of those columns.
  package init(_ row: SQLRow) {
    version = SchemaVersion(UInt64(bitPattern: row["version"].integer ?? 0))
    table = row["table_name"].text ?? ""
    key = row["key_name"].text ?? ""
    checksum = Digest(row["checksum"].text ?? "")
    run = RunID(row["run"].text ?? "")
    cursor = row["cursor_key"]
    end = row["end_key"]
    size = Int(clamping: row["batch_size"].integer ?? 1)
    walk = Int(clamping: row["walk"].integer ?? 1)
    walked = row["walked"].integer ?? 0
    changedInWalk = row["changed_in_walk"].integer ?? 0
    changed = row["changed"].integer ?? 0
    estimate = row["estimate"].integer
    worked = Interval(milliseconds: row["worked_ms"].integer ?? 0)
    startedAt = Timestamp(milliseconds: row["started_at"].integer ?? 0)
  }

  /// The values of `columns`.
  package var values: [SQLValue] {
    [
      .integer(Int64(bitPattern: version.number)), .text(table), .text(key), .text(checksum.text),
      .text(run.text), cursor, end, .integer(Int64(size)), .integer(Int64(walk)), .integer(walked),
      .integer(changedInWalk), .integer(changed), estimate.map { .integer($0) } ?? .null,
      .integer(worked.milliseconds), .integer(startedAt.milliseconds),
    ]
  }

  /// Takes a batch into account.
  mutating func take(_ range: BackfillRange, changed rows: Int64) {
    cursor = range.last
    walked += range.rows
    changedInWalk += rows
    changed += rows
  }

  /// Begins another walk.
  mutating func walkAgain(end: SQLValue) {
    walk += 1
    estimate = walked
    cursor = .null
    self.end = end
    walked = 0
    changedInWalk = 0
  }

  /// What it tells a person.
  package var progress: BackfillProgress {
    BackfillProgress(
      migration: version, table: table, key: key, rowsWalked: walked,
      rowsChanged: changed, rowsEstimated: estimate, walk: walk)
  }
}

/// The keys of one batch: those behind `after`, up to and with `last`.
package struct BackfillRange: Hashable, Sendable {
  /// Null for the first batch of a walk.
  package var after: SQLValue
  package var last: SQLValue
  package var rows: Int64

  package init(after: SQLValue, last: SQLValue, rows: Int64) {
    self.after = after
    self.last = last
    self.rows = rows
  }
}
