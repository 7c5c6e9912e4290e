package import WindlassCore
package import WindlassSchema

extension CockroachBackupStore {
  /// The sessions of other programs in the cluster, for a person: which database one uses, the
  /// cluster does not tell.
  package func users() throws(StepFailure) -> [String] {
    let connection: PostgresConnection
    do throws(StepFailure) {
      connection = try connect(options.url, "windlass/restore")
    } catch {
      // A database that is gone has no users.
      guard error.code == "DatabaseMissing" else { throw error }
      return []
    }
    let rows = try connection.rows(
      """
      SELECT session_id, application_name FROM [SHOW CLUSTER SESSIONS]
      WHERE session_id IS NOT NULL AND session_id <> $1 ORDER BY 1
      """, [.text(try connection.sessionID())])
    return rows.map { row in
      let name = row.values[1].text ?? ""
      return "session \(row.values[0].text ?? "")" + (name.isEmpty ? "" : " (\(name))")
        + " somewhere in the cluster"
    }
  }

  /// Puts a backup in the place of the database: it is restored beside it, compared, and then the
  /// two change names, one after the other. In between the database's name leads nowhere; whoever
  /// finds it so runs the restore again.
  package func restore(
    _ id: BackupID, acceptingLossSince loss: Timestamp
  ) async throws(StepFailure) -> RestoreReport {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifest = try directory.known(id)
    try directory.checkLoss(since: loss, manifest)
    // Never on another cluster: the database is to end here.
    let server = ScratchServer(url: options.url, owner: try options.scratchServer().owner)
    let name = server.name(.restore, id.text)
    let exists = try databaseExists()
    do throws(StepFailure) {
      try restoreCopy(of: manifest, to: name, .restore, on: server)
      try compare(server.url(of: name), with: manifest)
      let epoch = try prepare(name, manifest, exists: exists, on: server)
      try takePlace(name, exists: exists, on: server)
      return RestoreReport(
        backup: manifest.id, schema: manifest.schema, tables: manifest.tables,
        rows: manifest.rows, epoch: epoch)
    } catch {
      try? server.drop(name)  // The failure counts; what is left is dropped by the next restore.
      throw error
    }
  }

  private func databaseExists() throws(StepFailure) -> Bool {
    do throws(StepFailure) {
      _ = try connect(options.url, "windlass/restore")
      return true
    } catch {
      guard error.code == "DatabaseMissing" else { throw error }
      return false
    }
  }

  /// Gives the copy the fence's next number and a new name of its own, while nobody migrates.
  private func prepare(
    _ name: String, _ manifest: BackupManifest, exists: Bool, on server: ScratchServer
  ) throws(StepFailure) -> Epoch? {
    var epoch = manifest.epoch.map { Epoch($0.number + Bounds.lostFenceStride) }
    if exists {
      let live = try connect(options.url, "windlass/restore")
      let place = try options.ledger.located(on: live)
      if try PostgresOwnSchema(live, place).has(OwnTables.lock) {
        let lock = try CockroachLock(live, place)
        defer { lock.release() }
        if let now = try PostgresOwnSchema(live, place).epoch() { epoch = now.next }
      }
    }
    let copy = try connect(server.url(of: name), "windlass/restore")
    let place = try options.ledger.located(on: copy)
    if manifest.systemID != "" { try CockroachTables.make(place, on: copy) }
    let number = epoch
    _ = try copy.transaction(PostgresLimits(holdBudget: nil)) { copy throws(StepFailure) in
      var own = try PostgresOwnSchema(copy, place)
      if manifest.systemID != "" { try own.create(recordsCatalogue: false) }
      try own.renewCatalogue()
      if let number { try own.setEpoch(number, holder: "restore-\(manifest.id)") }
    }
    return epoch
  }

  private func takePlace(
    _ name: String, exists: Bool, on server: ScratchServer
  ) throws(StepFailure) {
    let live = options.url.database.quotedName
    let old = server.name(.restore, "replaced")
    try server.drop(old)
    let connection = try connect(server.url.replacing(database: "system"), "windlass/restore")
    if exists {
      try connection.run(script: "ALTER DATABASE \(live) RENAME TO \(old)")
      do throws(StepFailure) {
        try connection.run(script: "ALTER DATABASE \(name) RENAME TO \(live)")
      } catch {
        // Back, so that the service finds what it had; if that fails as well, the next restore
        // finds no database and goes on.
        _ = try? connection.run(script: "ALTER DATABASE \(old) RENAME TO \(live)")
        throw error
      }
      try connection.run(
        script: "COMMENT ON DATABASE \(old) IS '\(server.mark(.restore)) 0'")
    } else {
      try connection.run(script: "ALTER DATABASE \(name) RENAME TO \(live)")
    }
    try connection.run(script: "COMMENT ON DATABASE \(live) IS NULL")
    if exists { try server.drop(old) }
  }
}
