package import WindlassCore
package import WindlassSchema

/// Backups of one service's CockroachDB database: what the cluster wrote, and one directory that
/// keeps where, with counts and digests of the same moment.
package actor CockroachBackupStore: BackupArchive {
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
    directory = BackupDirectory(path: options.directory, fileEnding: ".crdb")
    self.now = now
    executor = BlockingExecutor(label: "windlass.backups")
  }

  package func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    try directory.check(id)
    let destination = try CockroachCollection.destination(of: options.url)
    try directory.prepare()
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    try directory.sweep()
    if let manifest = try directory.manifest(id) {
      try directory.checkFile(of: manifest)
      return manifest.receipt
    }
    let source = try connect(options.url, "windlass/\(run)")
    let place = try options.ledger.located(on: source)
    try refuseRunningJobs(source)
    let takenAt = now()
    // The same moment for the counts and for the backup.
    let moment = try source.scalar("SELECT cluster_logical_timestamp()::text").text ?? ""
    var manifest = try source.snapshot(asOf: moment) { source throws(StepFailure) in
      let own = try PostgresOwnSchema(source, place)
      let (schema, isDirty) = try own.ledgerRow()
      return BackupManifest(
        id: id, run: run, purpose: purpose, database: source.place,
        systemID: try own.systemID(), schema: schema, isDirty: isDirty, epoch: try own.epoch(),
        takenAt: takenAt,
        library: "BACKUP DATABASE, server "
          + source.server.release.map(String.init).joined(separator: "."),
        contents: try source.cockroachContents(place))
    }
    let collection = try source.backUp(to: "\(destination)/\(id)", asOf: moment)
    try FileStream.replace(directory.file(id), with: collection.encoded)
    (manifest.digest, manifest.size) = try FileStream.digest(of: directory.file(id))
    // The manifest is the proof that everything before it is complete.
    try FileStream.replace(directory.manifestFile(id), with: try manifest.encoded())
    return manifest.receipt
  }

  /// The schema of a moment in which a job changes it is neither the old nor the new one.
  private func refuseRunningJobs(_ connection: PostgresConnection) throws(StepFailure) {
    guard let job = try connection.schemaJobs().first else { return }
    throw StepFailure(
      code: "SchemaChangeRunning", disposition: .wait,
      message: "On \(connection.place) job \(job.id) changes a schema (\(job.status)), and a backup"
        + " is taken when none does. It is waited for; SHOW JOBS shows it.")
  }

  package func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    var manifest = try directory.known(id)
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

  /// Forgets all but the newest backups. What the cluster wrote stays: it has no statement that
  /// removes a backup, and the destination's own rules must.
  package func prune(keep: Int, protecting protected: Set<RunID>) throws(StepFailure) {
    try directory.prune(keep: keep, protecting: protected)
  }

  package func list() throws(StepFailure) -> [BackupManifest] {
    FilePath.exists(directory.path) ? try directory.manifests() : []
  }

  // MARK: Restoring

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

  /// Restores a backup into a new database, in place of a leftover of that name, and takes out
  /// what must not travel: fence, locks and name.
  func restoreCopy(
    of manifest: BackupManifest, to name: String, _ purpose: ScratchServer.Purpose,
    on server: ScratchServer
  ) throws(StepFailure) {
    try directory.checkFile(of: manifest)
    let file = directory.file(manifest.id)
    guard let bytes = try FileStream.read(file, sizeMax: Bounds.backupManifestSizeMax) else {
      throw directory.damaged(manifest.id, "\(file) is missing")
    }
    let collection = try CockroachCollection(bytes, file: file)
    let database = options.url.database
    try server.drop(name)
    let moment = now()
    try server.withMaintenance { connection throws(StepFailure) in
      do throws(StepFailure) {
        guard
          try connection.backedUpObjects(collection.path, in: collection.uri)
            == collection.objects
        else { throw directory.damaged(manifest.id, "its destination lists other objects") }
        try connection.restore(collection, of: database, as: name)
      } catch {
        let isServers = error.code == "StatementFailed" || error.code == "RestoreFailed"
        guard isServers, purpose == .verification else { throw error }
        throw directory.damaged(manifest.id, "it can't be restored: \(error.message)")
      }
      try connection.run(
        script: "COMMENT ON DATABASE \(name) IS '\(server.mark(purpose)) \(moment.milliseconds)'")
    }
    let copy = try connect(server.url(of: name), "windlass/restore")
    let place = try options.ledger.located(on: copy)
    let existing = try PostgresOwnSchema(copy, place).existing
    for table in OwnTables.volatile.union([place.lockTable]).sorted()
    where existing.contains(table) {
      try copy.execute("DELETE FROM \(place.own(table))")
    }
  }

  /// Fails unless a restored copy holds exactly what the database held.
  func compare(_ copy: PostgresURL, with manifest: BackupManifest) throws(StepFailure) {
    let connection = try connect(copy, "windlass/verify")
    let place = try options.ledger.located(on: connection)
    let contents = try connection.snapshot { connection throws(StepFailure) in
      try connection.cockroachContents(place)
    }
    let differences = manifest.contents.differences(
      to: contents, here: "the database", there: "the backup")
    guard differences.isEmpty else {
      throw directory.damaged(
        manifest.id,
        "restored, it differs from the database as it was: \(differences.joined(separator: "; "))")
    }
  }

  func connect(
    _ url: PostgresURL, _ application: String
  ) throws(StepFailure) -> PostgresConnection {
    try PostgresConnection(ScratchServer.patient(url, application))
  }
}
