package import WindlassCore

/// The backups of one database as a person uses them: besides what a run needs they can be listed
/// and restored.
package protocol BackupArchive: BackupStore {
  /// Every complete backup, the oldest first.
  func list() async throws(StepFailure) -> [BackupManifest]

  /// What other programs have the database open now, in words for a person.
  func users() async throws(StepFailure) -> [String]

  /// Puts a backup in the place of the database; what was written since the backup is lost. The
  /// database keeps its fence at the next epoch and gets a new name, so that a daemon that was at
  /// work on the old contents changes nothing any more.
  ///
  /// - Parameter loss: the moment since which a person accepts that what was written is lost; it
  ///   must not be later than the backup's.
  func restore(
    _ id: BackupID, acceptingLossSince loss: Timestamp
  ) async throws(StepFailure) -> RestoreReport
}

/// What a restore did.
package struct RestoreReport: Hashable, Sendable {
  package var backup: BackupID
  /// What the ledger says now.
  package var schema: SchemaVersion?
  package var tables: Int
  package var rows: Int64
  /// The fence's new number, which no daemon that was at work before holds; nil when the database
  /// was never adopted.
  package var epoch: Epoch?

  package init(
    backup: BackupID, schema: SchemaVersion?, tables: Int, rows: Int64, epoch: Epoch?
  ) {
    self.backup = backup
    self.schema = schema
    self.tables = tables
    self.rows = rows
    self.epoch = epoch
  }
}
