import CSQLite
import WindlassCore
import WindlassSchema

/// Copies a database page by page with SQLite's own backup.
enum SQLiteBackup {
  /// Copies the whole of one database over another.
  ///
  /// In a snapshot of the source the copy is of that moment, whatever others write meanwhile. Over
  /// a database in use the copy is one transaction: it is there in full or not at all.
  static func copy(
    _ source: SQLiteConnection, to target: SQLiteConnection, within limit: Interval
  ) throws(StepFailure) {
    let began = ContinuousClock.now
    guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main") else {
      throw target.failure(sqlite3_errcode(target.handle))
    }
    var code = SQLITE_OK
    repeat {
      code = sqlite3_backup_step(backup, Bounds.backupStepPages)
      if code == SQLITE_OK, (ContinuousClock.now - began).interval > limit {
        sqlite3_backup_finish(backup)
        throw StepFailure(
          code: "BackupTimedOut", disposition: .stop,
          message: "Copying \(source.path) took longer than \(limit) and was given up; nothing was"
            + " changed. If it uses a rollback journal, change it to a write-ahead log; otherwise"
            + " look at the disk.")
      }
    } while code == SQLITE_OK
    // "sqlite3_backup_finish() returns the error of the steps before", if there was one.
    let result = sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE, result == SQLITE_OK else {
      let reason = code == SQLITE_DONE ? result : code
      throw SQLiteFailure.failure(
        reason, String(cString: sqlite3_errstr(reason)), path: target.path,
        systemError: sqlite3_system_errno(target.handle))
    }
  }

  /// Empties the tables that belong to one database alone, and leaves a single file behind.
  static func clean(_ path: String) throws(StepFailure) {
    let connection = try SQLiteConnection(
      SQLiteOptions(path: path, journalMode: .delete))
    let limits = TransactionLimits(holdBudget: nil, enforcesForeignKeys: false)
    _ = try connection.transaction(limits) { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: .standard)
      for table in OwnTables.volatile.sorted() where try own.has(table) {
        try connection.execute("DELETE FROM main.\(table.quotedName)")
      }
    }
  }
}
