import CSQLite
package import WindlassCore
package import WindlassSchema

/// Backups of one service's SQLite database in one directory.
package actor SQLiteBackupStore: BackupArchive {
  private let executor: BlockingExecutor
  let options: SQLiteServiceOptions
  let directory: BackupDirectory
  let now: @Sendable () -> Timestamp
  private let freeSpaceMargin: Int64?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a store; no file is touched yet.
  ///
  /// - Parameter freeSpaceMargin: bytes that must stay free beyond the backup's own; nil makes no
  ///   forecast, so that a full disk is only met.
  package init(
    _ options: SQLiteServiceOptions, directory: String,
    now: @escaping @Sendable () -> Timestamp,
    freeSpaceMargin: Int64? = Bounds.freeSpaceMargin
  ) {
    self.options = options
    self.freeSpaceMargin = freeSpaceMargin
    self.directory = BackupDirectory(path: directory)
    self.now = now
    executor = BlockingExecutor(label: "windlass.backups")
  }

  package func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    try directory.check(id)
    try directory.prepare()
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    try directory.sweep()
    if let manifest = try directory.manifest(id) {
      try directory.checkFile(of: manifest)
      return manifest.receipt
    }
    let temporary = directory.file(id) + BackupDirectory.temporarySuffix
    do throws(StepFailure) {
      var manifest = try copySource(to: temporary, id: id, run: run, purpose: purpose)
      try SQLiteBackup.clean(temporary)
      (manifest.digest, manifest.size) = try FileStream.digest(of: temporary)
      try FileStream.synchroniseFile(temporary)
      try FileStream.rename(temporary, to: directory.file(id))
      // The manifest is the proof that everything before it is complete.
      try FileStream.replace(directory.manifestFile(id), with: try manifest.encoded())
      return manifest.receipt
    } catch {
      try? directory.sweep()  // The failure counts; what is left is swept by the next backup.
      throw error
    }
  }

  package func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    var manifest = try directory.known(id)
    let scratch = "\(directory.path)/.verify-\(id)\(BackupDirectory.temporarySuffix)"
    try directory.sweep()
    defer { try? directory.sweep() }  // Swept again by the next piece of work.
    try restore(manifest, to: scratch)
    try compare(scratch, with: manifest)
    manifest.proof = .restored
    manifest.verifiedAt = now()
    try FileStream.replace(directory.manifestFile(id), with: try manifest.encoded())
    return manifest.receipt
  }

  package func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    guard let manifest = try directory.manifest(id) else { return nil }
    try directory.checkFile(of: manifest)
    return manifest.receipt
  }

  package func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    try directory.prune(keep: keep, protecting: protected)
  }

  /// Every complete backup, the oldest first.
  package func list() throws(StepFailure) -> [BackupManifest] {
    FilePath.exists(directory.path) ? try directory.manifests() : []
  }

  // MARK: Taking

  private func copySource(
    to path: String, id: BackupID, run: RunID, purpose: BackupPurpose
  ) throws(StepFailure) -> BackupManifest {
    let source = try options.connectExisting()
    try checkSpace(for: source)
    let usesRollbackJournal = try source.usesRollbackJournal()
    try source.refuseRollbackJournal(holdBudget: options.holdBudget)
    // With a rollback journal the snapshot keeps writers out, so it may last as long as a lock.
    let limit = usesRollbackJournal ? options.holdBudget : Bounds.backupDeadline
    // Made by us first, since SQLite would let others read it.
    try FileStream.createEmpty(path)
    let target = try SQLiteConnection(SQLiteOptions(path: path))
    let takenAt = now()
    let (options, now) = (options, takenAt)
    return try source.snapshot(within: limit) { source throws(StepFailure) in
      let own = OwnSchema(connection: source, ledger: options.ledger)
      let (schema, isDirty) = try own.ledgerRow()
      try SQLiteBackup.copy(source, to: target, within: limit)
      return BackupManifest(
        id: id, run: run, purpose: purpose, database: options.path,
        systemID: try own.systemID(), schema: schema, isDirty: isDirty, epoch: try own.epoch(),
        takenAt: now,
        journalMode: (usesRollbackJournal ? SQLiteOptions.JournalMode.delete : .wal).rawValue,
        library: String(cString: sqlite3_libversion()), contents: try source.contents())
    }
  }

  private func checkSpace(for source: SQLiteConnection) throws(StepFailure) {
    guard let freeSpaceMargin else { return }
    let need = try source.sizeInBytes() + freeSpaceMargin
    guard let free = FilePath.freeSpace(directory.path), free.bytes < need else { return }
    throw StepFailure(
      code: "DiskFull", disposition: .stop,
      message: "The file system of the backup directory \(directory.path) has"
        + " \(free.bytes / 1_048_576) MiB free, and a backup of \(source.path) needs"
        + " \(need / 1_048_576) MiB. No backup was taken. Free space there, or set"
        + " `backup.directory` to another file system.")
  }

  // MARK: Checking

  /// Copies the backup's file to a new place, and fails unless every byte is as it was taken.
  func restore(_ manifest: BackupManifest, to path: String) throws(StepFailure) {
    let file = directory.file(manifest.id)
    guard FilePath.exists(file) else {
      throw directory.damaged(manifest.id, "\(file) is missing")
    }
    let digest = try FileStream.copy(file, to: path)
    guard digest == manifest.digest else {
      throw directory.damaged(
        manifest.id, "its bytes are not the ones that were written when it was taken")
    }
  }

  /// Fails unless a restored copy holds exactly what the database held.
  func compare(_ copy: String, with manifest: BackupManifest) throws(StepFailure) {
    let contents: DatabaseContents
    do throws(StepFailure) {
      contents = try read(copy, of: manifest)
    } catch {
      // What SQLite says of the copy, which is gone in a moment, is true of the backup.
      guard Self.damageOfCopy.contains(error.code) else { throw error }
      throw directory.damaged(manifest.id, "SQLite can't read it (\(error.code))")
    }
    let differences = manifest.contents.differences(
      to: contents, here: "the database", there: "the backup")
    guard differences.isEmpty else {
      throw directory.damaged(
        manifest.id,
        "restored, it differs from the database as it was: \(differences.joined(separator: "; "))")
    }
  }

  /// How a copy that SQLite can't make sense of fails to be read.
  private static let damageOfCopy: Set<String> = [
    "DatabaseCorrupt", "DatabaseUnreachable", "NotADatabase", "StatementFailed",
  ]

  private func read(
    _ copy: String, of manifest: BackupManifest
  ) throws(StepFailure) -> DatabaseContents {
    let connection = try SQLiteConnection(SQLiteOptions(path: copy))
    return try connection.snapshot(within: Bounds.backupDeadline) {
      connection throws(StepFailure) in
      let report = try connection.scalar("PRAGMA integrity_check(1)")
      guard report == .text("ok") else {
        throw directory.damaged(manifest.id, "SQLite finds it damaged")
      }
      return try connection.contents()
    }
  }
}
