package import WindlassCore
package import WindlassSchema

/// Backups of one service's MySQL or MariaDB database in one directory.
package actor MySQLBackupStore: BackupStore {
  private let executor: BlockingExecutor
  let options: MySQLServiceOptions
  let directory: BackupDirectory
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// What a backup's file ends in.
  static let fileEnding = ".sql"

  /// Makes a store; nothing is touched yet.
  package init(
    _ options: MySQLServiceOptions, directory: String, now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.directory = BackupDirectory(path: directory, fileEnding: Self.fileEnding)
    self.now = now
    executor = BlockingExecutor(label: "windlass.mysql-backups")
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
      let manifest = try await take(to: temporary, id: id, run: run, purpose: purpose)
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
    try directory.checkFile(of: manifest)
    let scratch = MySQLScratchDatabase(options: options)
    let label = "verify-\(id)"
    let connection = try options.connect("verify")
    let name = try scratch.make(label, on: connection)
    defer { try? scratch.drop(label, on: connection) }  // Replaced by the next verification.
    try load(manifest, into: name, keepingDefiners: false)
    manifest.proof = .restored
    manifest.verifiedAt = now()
    try FileStream.replace(directory.manifestFile(id), with: try manifest.encoded())
    return manifest.receipt
  }

  /// Restores the backup into an empty database, and fails unless it then holds exactly what the
  /// service's held.
  ///
  /// - Parameter keepingDefiners: whether objects keep the users by whose rights they work, which
  ///   only a user with rights of theirs can give them.
  func load(
    _ manifest: BackupManifest, into name: String, keepingDefiners: Bool
  ) throws(StepFailure) {
    let dump = MySQLDump(options: options, directory: directory.path)
    do throws(StepFailure) {
      try dump.read(
        directory.file(manifest.id), into: name, keepingDefiners: keepingDefiners)
    } catch {
      guard error.code == "ClientProgramFailed" else { throw error }
      throw directory.damaged(manifest.id, "it can't be restored: \(error.message)")
    }
    let ledger = options.ledger
    let scratch = MySQLScratchDatabase(options: options)
    let contents = try scratch.options(of: name).connect("verify").snapshot {
      connection throws(StepFailure) in
      try connection.contents(ledger: ledger, within: Bounds.backupDeadline)
    }
    let differences = manifest.contents.differences(
      to: contents, here: "the database", there: "the backup")
    guard differences.isEmpty else {
      throw directory.damaged(
        manifest.id,
        "restored, it differs from the database as it was: "
          + differences.joined(separator: "; "))
    }
  }

  package func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    guard let manifest = try directory.manifest(id) else { return nil }
    try directory.checkFile(of: manifest)
    return manifest.receipt
  }

  package func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    guard FilePath.exists(directory.path) else { return }
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifests = try directory.manifests()
    for manifest in manifests.dropLast(max(keep, 0)) where !protected.contains(manifest.run) {
      try directory.remove(manifest.id)
    }
  }

  /// Every complete backup, the oldest first.
  package func list() async throws(StepFailure) -> [BackupManifest] {
    FilePath.exists(directory.path) ? try directory.manifests() : []
  }

  // MARK: Taking

  /// Takes the dump and reads the contents in two snapshots that begin under one read lock.
  private func take(
    to path: String, id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupManifest {
    let options = options
    let takenAt = now()
    let dump = MySQLDump(options: options, directory: directory.path)
    let work = MySQLWork(options, name: "backup")
    return try await work.retrying { () throws(StepFailure) -> BackupManifest in
      FileStream.remove(path)
      let keeper = try work.connection()
      let reader = try options.connect("backup-contents")
      try MySQLRights(reader).requireReadingAll()
      let own = MySQLOwnSchema(connection: reader, ledger: options.ledger)
      let program = try MySQLDump.program(for: keeper)
      let volatile = try own.tables().intersection(OwnTables.volatile)
      // Counters go on whatever a snapshot sees: the dump has them as they were meanwhile.
      let counters = try reader.counters()
      try GlobalReadLock.take(on: keeper, options)
      defer { GlobalReadLock.release(on: keeper) }
      let held = ContinuousClock.now
      try reader.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
      try reader.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
      let (digest, size) = try dump.write(
        to: path, by: program, without: volatile,
        look: { hasBegun throws(StepFailure) in
          if !hasBegun { try GlobalReadLock.check(since: held, options) }
        },
        began: { () throws(StepFailure) in
          GlobalReadLock.release(on: keeper)
          try GlobalReadLock.check(since: held, options)
        })
      let tables = try own.tables()
      let (schema, isDirty) = try own.ledgerRow(tables)
      var manifest = BackupManifest(
        id: id, run: run, purpose: purpose, database: options.address.publicURL,
        systemID: try own.systemID(tables), schema: schema, isDirty: isDirty,
        epoch: try own.epoch(tables), takenAt: takenAt, library: keeper.server.version,
        contents: try reader.contents(ledger: options.ledger, within: Bounds.backupDeadline))
      manifest.contents.counters = CounterSpan.spans(
        from: counters, to: manifest.contents.counters)
      (manifest.digest, manifest.size) = (digest, size)
      return manifest
    }
  }
}

/// The lock that keeps every writer of the server out for the moment in which snapshots begin.
enum GlobalReadLock {
  /// Makes one attempt at the lock, which waits no longer than the lock budget.
  ///
  /// - Throws: `DatabaseLocked` with `.retry`; `AccessDenied` without the right to it.
  static func take(
    on connection: MySQLConnection, _ options: MySQLServiceOptions
  ) throws(StepFailure) {
    let watch = StatementWatch(limit: options.lockBudget)
    do throws(StepFailure) {
      try connection.run("FLUSH TABLES WITH READ LOCK", watch: watch)
    } catch {
      switch error.code {
      case "Interrupted":
        var failure = error
        failure.code = "DatabaseLocked"
        throw MySQLBlockers.blocked(failure, on: connection)
      case "DatabaseLocked": throw MySQLBlockers.blocked(error, on: connection)
      case "AccessDenied":
        throw StepFailure(
          code: "AccessDenied", disposition: .stop,
          message: "\(error.message) A backup whose contents are known needs the right RELOAD:"
            + " counts and dump are of one moment only under FLUSH TABLES WITH READ LOCK.")
      default: throw error
      }
    }
  }

  /// Gives the lock back.
  static func release(on connection: MySQLConnection) {
    // The end of the session does the same.
    _ = try? connection.run("UNLOCK TABLES")
  }

  /// Fails when writers were kept out for longer than the hold budget.
  static func check(
    since begin: ContinuousClock.Instant, _ options: MySQLServiceOptions
  ) throws(StepFailure) {
    let held = (ContinuousClock.now - begin).interval
    guard held > options.holdBudget else { return }
    throw StepFailure(
      code: "HoldBudgetExceeded", disposition: .stop,
      message: "The dump of \(options.address.name) took \(held) to begin, in which no one could"
        + " write, more than the hold budget of \(options.holdBudget). No backup was taken. Try in"
        + " a quieter moment, or raise `database.holdBudget`.")
  }
}
