/// The names of the tables that Windlass keeps in a service's database.
package enum OwnTables {
  /// One row with the fencing number: `(id, epoch, holder)`.
  package static let fence = "windlass_fence"
  /// One row with the random name of this database.
  package static let identity = "windlass_identity"
  /// Who holds the run.
  package static let lock = "windlass_lock"
  /// Which daemon acts.
  package static let lease = "windlass_lease"
  /// What each replica of a service runs and is told to run, one row for each.
  package static let slot = "windlass_slot"
  /// What the sidecars of a service that has several remember together.
  package static let journal = "windlass_journal"
  /// What was applied, with checksum, run and duration.
  package static let history = "windlass_migration_log"
  /// The runs that passed their commit point.
  package static let run = "windlass_run"
  /// The catalogue as Windlass left it, from which drift is told.
  package static let catalogue = "windlass_catalogue"
  /// The statements of a migration under way, where each stands for itself.
  package static let step = "windlass_step"

  /// How far a migration that can't run in one transaction has come.
  package static let progress = "windlass_progress"
  /// How far each backfill under way has come: written with its rows, and true of no others, so
  /// that it travels with them in a backup.
  package static let backfill = "windlass_backfill"

  /// The tables that stand outside counts, digests and fingerprints, and are emptied in a backup.
  package static let volatile: Set<String> = [
    fence, identity, lock, lease, slot, journal,
  ]

  /// Whether a table is one of Windlass's own, also one of a later version of Windlass.
  package static func isOwn(_ name: String) -> Bool {
    // No other letter's small one is a w, and most names are the service's.
    guard let first = name.utf8.first, first | 0x20 == UInt8(ascii: "w") else { return false }
    return name.lowercased().hasPrefix("windlass_")
  }
}
