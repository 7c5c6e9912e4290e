package import WindlassCore
package import WindlassSchema

extension MySQLBackupStore: BackupArchive {
  /// Puts a backup in the place of the database: it is restored beside it, compared, and then all
  /// tables change places in one statement.
  ///
  /// Until the last view and trigger is made anew the ledger is dirty; a restore that was cut off
  /// there is simply repeated.
  package func restore(
    _ id: BackupID, acceptingLossSince loss: Timestamp
  ) async throws(StepFailure) -> RestoreReport {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifest = try directory.known(id)
    try directory.checkLoss(since: loss, manifest)
    try directory.checkFile(of: manifest)
    let options = options
    let scratch = MySQLScratchDatabase(options: options)
    let (copyLabel, atticLabel) = ("restore-\(id)", "attic-\(id)")
    let keeper = try options.connect("restore")
    let copy = try scratch.make(copyLabel, on: keeper)
    let attic = try scratch.make(atticLabel, on: keeper)
    defer {
      // A leftover is swept later; what counts is how the restore ended.
      try? scratch.drop(copyLabel, on: keeper)
      try? scratch.drop(atticLabel, on: keeper)
    }
    try load(manifest, into: copy, keepingDefiners: true)
    let keeperOwn = MySQLOwnSchema(connection: keeper, ledger: options.ledger)
    let isAdopted = try keeperOwn.epoch(keeperOwn.tables()) != nil
    let replacement = try DatabaseReplacement(
      source: scratch.options(of: copy).connect("restore"), attic: attic,
      ledger: options.ledger, adopts: isAdopted || manifest.epoch != nil)
    let work = MySQLWork(options, name: "restore")
    let epoch = try await work.retrying { () throws(StepFailure) -> Epoch? in
      try work.withSharedLock { () throws(StepFailure) -> Epoch? in
        let own = try work.own()
        let now = try own.epoch(own.tables())
        // The fence is lost with a new database; its last number can't be far from the backup's.
        let epoch =
          now?.next ?? manifest.epoch.map { Epoch($0.number + Bounds.lostFenceStride) }
        try replacement.perform(on: own.connection, epoch: epoch, holder: RunID("restore-\(id)"))
        return epoch
      }
    }
    return RestoreReport(
      backup: id, schema: manifest.schema, tables: manifest.tables, rows: manifest.rows,
      epoch: epoch)
  }

  /// Other sessions that use the database.
  package func users() async throws(StepFailure) -> [String] {
    try options.connect("users").rows(
      """
      SELECT ID AS id, USER AS name, HOST AS place FROM information_schema.PROCESSLIST
      WHERE DB = DATABASE() AND ID <> CONNECTION_ID() ORDER BY ID
      """
    ).map { "session \($0.text("id")) (\($0.text("name"))@\($0.text("place")))" }
  }
}
