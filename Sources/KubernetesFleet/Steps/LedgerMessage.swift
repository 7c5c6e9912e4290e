package import WindlassCore

/// A reading of the ledger in a few bytes.
///
/// A long history has no room in a message. Its newest entries are told whole, older ones without
/// their checksums, and the oldest of a very long one not at all: what is decided on a reading
/// looks at the newest and at the entries of the open run, and the files of all are compared with
/// the whole history where it is, by preflight and by each migration.
package struct LedgerMessage: Hashable, Codable, Sendable {
  /// Consecutive entries of one run.
  struct Stretch: Hashable, Codable, Sendable {
    var run: RunID
    var versions: [SchemaVersion]
  }

  var version: SchemaVersion?
  var isDirty: Bool
  var epoch: Epoch?
  var committedRun: RunID?
  var hasTables: Bool
  var systemID: String
  var interruptedRun: RunID?
  var backfill: BegunBackfill?
  /// The history, ascending.
  var history: [Stretch]
  /// The checksums of its last entries, ascending.
  var checksums: [Digest]

  /// Takes a reading whole.
  package init(_ reading: LedgerReading) {
    version = reading.version
    isDirty = reading.isDirty
    epoch = reading.epoch
    committedRun = reading.committedRun
    hasTables = reading.hasTables
    systemID = reading.systemID
    interruptedRun = reading.interruptedRun
    backfill = reading.backfill
    history = []
    for entry in reading.applied {
      if history.last?.run == entry.run {
        history[history.count - 1].versions.append(entry.version)
      } else {
        history.append(Stretch(run: entry.run, versions: [entry.version]))
      }
    }
    checksums = reading.applied.map(\.checksum)
  }

  /// The reading; `asOf` is by the reader's clock, from before the step began. A checksum that was
  /// not told is empty.
  package func reading(asOf: Timestamp) -> LedgerReading {
    let entries = history.flatMap { stretch in stretch.versions.map { (stretch.run, $0) } }
    let untold = entries.count - checksums.count
    let applied = entries.enumerated().map { index, entry in
      AppliedMigration(
        version: entry.1, checksum: index < untold ? Digest("") : checksums[index - untold],
        run: entry.0)
    }
    return LedgerReading(
      version: version, isDirty: isDirty, epoch: epoch, applied: applied,
      committedRun: committedRun, hasTables: hasTables, systemID: systemID, asOf: asOf,
      interruptedRun: interruptedRun, backfill: backfill)
  }

  /// Leaves out what is needed least: old checksums first, then old entries.
  mutating func shorten() {
    if checksums.count > 4 {
      checksums.removeFirst((checksums.count + 1) / 2)
    } else if history.count > 1 {
      history.removeFirst((history.count + 1) / 2)
    } else if let only = history.first, only.versions.count > 1 {
      history[0].versions.removeFirst((only.versions.count + 1) / 2)
    }
    checksums = checksums.suffix(history.reduce(0) { $0 + $1.versions.count })
    let heldUpBy = backfill?.progress.heldUpBy?.shortened(to: 64)
    backfill?.progress.heldUpBy = heldUpBy
  }
}
