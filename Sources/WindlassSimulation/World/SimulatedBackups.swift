import WindlassCore

/// One backup file.
struct SimulatedBackup {
  var receipt: BackupReceipt
  /// Whether the copy was wrong when its digest was taken, so that only a restore shows it.
  var isDamaged: Bool
  /// Whether the file changed after its digest was taken, so that every look shows it.
  var isRotten = false
}

/// Backups of one database, oldest first.
struct SimulatedBackups {
  private var backups: [SimulatedBackup] = []
  /// How many were taken.
  private(set) var count = 0

  subscript(id: BackupID) -> SimulatedBackup? { backups.first { $0.receipt.id == id } }

  mutating func change(_ id: BackupID, _ body: (inout SimulatedBackup) -> Void) {
    guard let index = backups.firstIndex(where: { $0.receipt.id == id }) else { return }
    body(&backups[index])
  }

  /// Takes a complete backup, unless there is one of that name.
  mutating func take(
    _ id: BackupID, run: RunID, purpose: BackupPurpose, of database: SimulatedDatabase,
    isDamaged: Bool, isForeign: Bool
  ) throws(StepFailure) -> BackupReceipt {
    if let existing = try receipt(of: id) { return existing }
    count += 1
    let receipt = BackupReceipt(
      id: id, run: run, purpose: purpose, digest: SimulatedBackups.digest(count),
      systemID: isForeign ? "database-2" : database.systemID, schema: database.version,
      isVerified: false)
    backups.append(SimulatedBackup(receipt: receipt, isDamaged: isDamaged))
    return receipt
  }

  /// No two backups are the same bytes.
  private static func digest(_ number: Int) -> Digest {
    let text = String(number, radix: 16)
    return Digest(String(repeating: "0", count: 64 - text.count) + text)
  }

  private static func damaged(_ message: String) -> StepFailure {
    StepFailure(code: "BackupDamaged", disposition: .stop, message: message)
  }

  /// What there is to say of a backup, after a look at its file.
  func receipt(of id: BackupID) throws(StepFailure) -> BackupReceipt? {
    guard let backup = self[id] else { return nil }
    guard !backup.isRotten else { throw SimulatedBackups.damaged("the file changed") }
    return backup.receipt
  }

  /// Restores it into a scratch database and compares.
  mutating func verify(_ id: BackupID) throws(StepFailure) -> BackupReceipt {
    guard var receipt = try receipt(of: id) else {
      throw StepFailure(code: "BackupMissing", disposition: .stop, message: "no backup \(id)")
    }
    guard self[id]?.isDamaged == false else {
      throw SimulatedBackups.damaged("the restored copy differs")
    }
    receipt.isVerified = true
    change(id) { $0.receipt = receipt }
    return receipt
  }

  /// Deletes the oldest beyond `keep`, never one of a protected run.
  mutating func prune(keep: Int, protecting protected: Set<RunID>) {
    let old = backups.dropLast(keep).filter { !protected.contains($0.receipt.run) }
    backups.removeAll { backup in old.contains { $0.receipt.id == backup.receipt.id } }
  }
}
