package import WindlassCore
package import WindlassSchema

extension PostgresBackupStore {
  /// The sessions that other programs have in the database, for a person.
  package func users() throws(StepFailure) -> [String] {
    do throws(StepFailure) {
      let connection = try PostgresConnection(
        ScratchServer.patient(options.url, "windlass/restore"))
      let rows = try connection.rows(
        """
        SELECT pid, application_name FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY 1
        """)
      return rows.map { row in
        let name = row.values[1].text ?? ""
        return "session \(row.values[0].integer ?? 0)" + (name.isEmpty ? "" : " (\(name))")
      }
    } catch {
      // A database that is gone has no users.
      guard error.code == "DatabaseMissing" else { throw error }
      return []
    }
  }

  /// Puts a backup in the place of the database: it is restored beside it, compared, and then the
  /// two change names in one transaction, so that the service never meets half of it. Sessions in
  /// the database are ended for that.
  package func restore(
    _ id: BackupID, acceptingLossSince loss: Timestamp
  ) async throws(StepFailure) -> RestoreReport {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifest = try directory.known(id)
    try directory.checkLoss(since: loss, manifest)
    try directory.sweep()
    // Never on another server: the database is to end here.
    let server = ScratchServer(url: options.url, owner: try options.scratchServer().owner)
    try server.sweep(.restore, olderThan: .zero, at: now())
    let name = server.name(.restore, id.text)
    let owner = try databaseOwner()
    let exists = owner != nil
    do throws(StepFailure) {
      // Its owner may make objects in it before any right is put back.
      try restoreCopy(of: manifest, to: name, .restore, on: server, owner: owner)
      try compare(server.url(of: name), with: manifest)
      let epoch = try await prepare(name, manifest, exists: exists, on: server)
      try takePlace(name, like: manifest, exists: exists, on: server)
      return RestoreReport(
        backup: manifest.id, schema: manifest.schema, tables: manifest.tables,
        rows: manifest.rows, epoch: epoch)
    } catch {
      try? server.drop(name)  // The failure counts; what is left is swept by the next restore.
      throw error
    }
  }

  /// Whom the database belongs to, as a statement writes the name; nil for one that is gone.
  private func databaseOwner() throws(StepFailure) -> String? {
    do throws(StepFailure) {
      return try PostgresConnection(ScratchServer.patient(options.url, "windlass/restore")).scalar(
        """
        SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_catalog.pg_database
        WHERE datname = current_database()
        """
      ).text
    } catch {
      guard error.code == "DatabaseMissing" else { throw error }
      return nil
    }
  }

  /// Gives the copy the fence's next number, a new name of its own, and what lies outside the
  /// database; under the lock with which no Windlass and no golang-migrate migrates.
  private func prepare(
    _ name: String, _ manifest: BackupManifest, exists: Bool, on server: ScratchServer
  ) async throws(StepFailure) -> Epoch? {
    var properties = DatabaseProperties()
    var epoch = manifest.epoch.map { Epoch($0.number + Bounds.lostFenceStride) }
    if exists {
      let live = try PostgresConnection(ScratchServer.patient(options.url, "windlass/restore"))
      let place = try options.ledger.located(on: live)
      let keys = try MigrationKeys(live, place)
      defer { withExtendedLifetime(keys) {} }
      properties = try live.databaseProperties()
      if let now = try PostgresOwnSchema(live, place).epoch() { epoch = now.next }
    }
    let copy = try PostgresConnection(
      ScratchServer.patient(server.url(of: name), "windlass/restore"))
    let place = try options.ledger.located(on: copy)
    let number = epoch
    _ = try copy.transaction(PostgresLimits(holdBudget: nil)) { copy throws(StepFailure) in
      var own = try PostgresOwnSchema(copy, place)
      if manifest.systemID != "" { try own.create() }
      try own.renewCatalogue()
      if let number { try own.setEpoch(number, holder: "restore-\(manifest.id)") }
    }
    try server.withMaintenance { connection throws(StepFailure) in
      for statement in properties.statements(for: name) { try connection.run(script: statement) }
    }
    return epoch
  }

  /// Lets the copy change names with the database, and drops that one.
  private func takePlace(
    _ name: String, like manifest: BackupManifest, exists: Bool, on server: ScratchServer
  ) throws(StepFailure) {
    let live = options.url.database
    // A session can't rename the database that it is in, so it needs a third one.
    let hub = server.name(.restore, "hub")
    try server.make(
      hub, .restore, like: DatabaseModel(parts: manifest.model ?? []), at: now())
    defer { try? server.drop(hub) }  // Swept by the next restore.
    let old = server.name(.restore, "replaced")
    try server.drop(old)
    let connection = try PostgresConnection(
      ScratchServer.patient(server.url(of: hub), "windlass/restore"))
    let comment = try connection.scalar(
      """
      SELECT quote_literal(shobj_description(oid, 'pg_database'))
      FROM pg_catalog.pg_database WHERE datname = $1
      """, [.text(live)])
    var statements: [String] = []
    if exists {
      statements.append("ALTER DATABASE \(live.quotedName) RENAME TO \(old)")
      statements.append("COMMENT ON DATABASE \(old) IS '\(server.mark(.restore)) 0'")
    }
    statements.append("ALTER DATABASE \(name) RENAME TO \(live.quotedName)")
    statements.append("COMMENT ON DATABASE \(live.quotedName) IS \(comment.text ?? "NULL")")
    try changeNames(statements, of: live, on: connection)
    if exists { try server.drop(old) }
  }

  /// Runs the statements in one transaction, after ending every session in the database; a session
  /// may come in between, so that it is tried a few times.
  private func changeNames(
    _ statements: [String], of live: String, on connection: PostgresConnection
  ) throws(StepFailure) {
    var attemptsLeft = 10
    while true {
      attemptsLeft -= 1
      _ = try connection.rows(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = $1 AND pid <> pg_backend_pid()
        """, [.text(live)])
      do throws(StepFailure) {
        _ = try connection.transaction(PostgresLimits(holdBudget: nil)) {
          connection throws(StepFailure) in
          for statement in statements { try connection.run(script: statement) }
        }
        return
      } catch {
        guard attemptsLeft > 0, error.message.contains("55006") else { throw error }
      }
    }
  }
}
