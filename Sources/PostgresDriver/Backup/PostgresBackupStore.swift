package import WindlassCore
package import WindlassSchema

/// Backups of one service's PostgreSQL database in one directory.
///
/// A backup is an archive of `pg_dump` on a snapshot that a session of ours exports, and in which
/// that session counts and digests every table.
package actor PostgresBackupStore: BackupArchive {
  private let executor: BlockingExecutor
  let options: PostgresBackupOptions
  let directory: BackupDirectory
  let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a store; nothing is touched yet.
  package init(_ options: PostgresBackupOptions, now: @escaping @Sendable () -> Timestamp) {
    self.options = options
    directory = options.backups
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
      let manifest = try dump(to: temporary, id: id, run: run, purpose: purpose)
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
    try directory.sweep()
    let server = try options.scratchServer()
    // Under the lock nobody verifies here, so every such database is a leftover.
    try server.sweep(.verification, olderThan: .zero, at: now())
    let name = server.name(.verification, id.text)
    // Dropped again by the next piece of work.
    defer { try? server.drop(name) }
    try restoreCopy(of: manifest, to: name, .verification, on: server)
    try compare(server.url(of: name), with: manifest)
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

  package func list() throws(StepFailure) -> [BackupManifest] {
    FilePath.exists(directory.path) ? try directory.manifests() : []
  }

  // MARK: Taking

  private func dump(
    to path: String, id: BackupID, run: RunID, purpose: BackupPurpose
  ) throws(StepFailure) -> BackupManifest {
    let source = try PostgresConnection(ScratchServer.patient(options.url, "windlass/\(run)"))
    try PostgresRights(source).requireReadingAll()
    let archive = PostgresArchive(
      programs: try ClientPrograms.find(
        serverVersion: source.serverVersion, place: source.place),
      directory: directory.path)
    try checkSpace(for: source)
    let takenAt = now()
    let place = try options.ledger.located(on: source)
    return try source.snapshot { source throws(StepFailure) in
      let snapshot = try source.scalar("SELECT pg_export_snapshot()").text ?? ""
      let own = try PostgresOwnSchema(source, place)
      let (schema, isDirty) = try own.ledgerRow()
      var manifest = BackupManifest(
        id: id, run: run, purpose: purpose, database: source.place,
        systemID: try own.systemID(), schema: schema, isDirty: isDirty, epoch: try own.epoch(),
        takenAt: takenAt,
        library: "pg_dump \(archive.programs.version), server \(source.serverVersion)",
        contents: try source.contents())
      manifest.model = try source.databaseModel().parts
      // The tables that were read stay locked until the snapshot ends, so that no definition
      // changes between the reading and the dump.
      (manifest.digest, manifest.size) = try archive.dump(
        options.url, snapshot: snapshot, to: path)
      // A sequence goes on whatever a snapshot sees: the dump has it as it was meanwhile.
      manifest.contents.counters = CounterSpan.spans(
        from: manifest.contents.counters, to: try source.counters())
      return manifest
    }
  }

  private func checkSpace(for source: PostgresConnection) throws(StepFailure) {
    guard let margin = options.freeSpaceMargin else { return }
    // Indexes are not in a dump, and what is in it is compressed.
    let tables = try source.scalar(
      """
      SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class WHERE relkind IN ('r', 'm')
      """
    )
    let need = (tables.integer ?? 0) + margin
    guard let free = FilePath.freeSpace(directory.path), free.bytes < need else { return }
    throw StepFailure(
      code: "DiskFull", disposition: .stop,
      message: "The file system of the backup directory \(directory.path) has"
        + " \(free.bytes / 1_048_576) MiB free, and a backup of \(source.place) may need"
        + " \(need / 1_048_576) MiB. No backup was taken. Free space there, or set"
        + " `backup.directory` to another file system.")
  }

  // MARK: Checking

  /// Restores a backup into a new database for a rehearsal, and returns the database's name.
  func restoreScratch(_ id: BackupID, label: String) async throws(StepFailure) -> String {
    try directory.check(BackupID(label))
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifest = try directory.known(id)
    let server = try options.scratchServer()
    try server.sweep(.rehearsal, olderThan: Bounds.scratchAgeMax, at: now())
    let name = server.name(.rehearsal, label)
    try restoreCopy(of: manifest, to: name, .rehearsal, on: server)
    return name
  }

  /// Restores a backup into a new database, in place of a leftover of that name, and fails unless
  /// its file is as it was written.
  ///
  /// - Parameter owner: whom the database is to belong to, as a statement writes the name; nil for
  ///   the user that makes it.
  func restoreCopy(
    of manifest: BackupManifest, to name: String, _ purpose: ScratchServer.Purpose,
    on server: ScratchServer, owner: String? = nil
  ) throws(StepFailure) {
    try directory.checkFile(of: manifest)
    let archive = PostgresArchive(
      programs: try ClientPrograms.find(
        serverVersion: server.version(), place: server.url.place), directory: directory.path)
    try server.make(name, purpose, like: DatabaseModel(parts: manifest.model ?? []), at: now())
    if let owner {
      _ = try server.withMaintenance { connection throws(StepFailure) in
        try connection.run(script: "ALTER DATABASE \(name) OWNER TO \(owner)")
      }
    }
    do throws(StepFailure) {
      try archive.restore(
        directory.file(manifest.id), into: server.url(of: name),
        keepsOwners: purpose == .restore)
    } catch {
      guard error.code == "RestoreFailed", purpose == .verification else { throw error }
      throw directory.damaged(manifest.id, "it can't be restored: \(error.message)")
    }
  }

  /// Fails unless a restored copy holds exactly what the database held.
  func compare(_ copy: PostgresURL, with manifest: BackupManifest) throws(StepFailure) {
    let connection = try PostgresConnection(ScratchServer.patient(copy, "windlass/verify"))
    let contents = try connection.snapshot { connection throws(StepFailure) in
      try connection.contents()
    }
    let differences = manifest.contents.differences(
      to: contents, here: "the database", there: "the backup")
    guard differences.isEmpty else {
      throw directory.damaged(
        manifest.id,
        "restored, it differs from the database as it was: \(differences.joined(separator: "; "))")
    }
  }
}
