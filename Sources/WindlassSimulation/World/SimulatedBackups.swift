import WindlassCore

/// One backup file.
struct SimulatedBackup {
  var receipt: BackupReceipt
  var isDamaged: Bool
}

/// Backups of one database.
struct SimulatedBackups {
  private var backups: [BackupID: SimulatedBackup] = [:]
  /// How many were taken.
  private(set) var count = 0

  subscript(id: BackupID) -> SimulatedBackup? {
    get { backups[id] }
    set { backups[id] = newValue }
  }

  /// Takes a complete backup, unless there is one of that name.
  mutating func take(
    _ id: BackupID, run: RunID, purpose: BackupPurpose, of database: SimulatedDatabase,
    isDamaged: Bool, isForeign: Bool
  ) -> BackupReceipt {
    if let existing = backups[id] { return existing.receipt }
    count += 1
    let receipt = BackupReceipt(
      id: id, run: run, purpose: purpose, digest: Digest(id.text),
      systemID: isForeign ? "database-2" : database.systemID, schema: database.version,
      isVerified: false)
    backups[id] = SimulatedBackup(receipt: receipt, isDamaged: isDamaged)
    return receipt
  }

  static let unverified = StepFailure(
    code: "BackupUnverified", disposition: .stop, message: "the restored copy differs")

  /// Restores it into a scratch database and compares.
  mutating func verify(_ id: BackupID) throws(StepFailure) -> BackupReceipt {
    guard var backup = backups[id], !backup.isDamaged else { throw SimulatedBackups.unverified }
    backup.receipt.isVerified = true
    backups[id] = backup
    return backup.receipt
  }
}
