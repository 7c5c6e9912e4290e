import CSQLite
package import WindlassCore
import WindlassSchema

/// One open SQLite database, used by one thread at a time; the only owner of its handle.
///
/// It blocks, so it lives inside an actor with a `BlockingExecutor`.
package final class SQLiteConnection {
  let handle: OpaquePointer
  /// The path that the connection was opened with.
  package let path: String
  /// The journal that is kept between transactions; nil where none may be.
  let keptJournal: KeptJournal?

  /// Whether SQLite leaves the memory of this process uncounted, which nothing asks for. Where
  /// somebody else used it before, it counts on, and is only slower.
  private static let leavesMemoryUncounted = csqlite_leave_memory_uncounted() == SQLITE_OK

  /// Opens the database and brings it to the options' modes.
  package init(_ options: SQLiteOptions) throws(StepFailure) {
    guard !options.path.utf8.contains(0) else {
      throw SQLiteFailure.failure(SQLITE_CANTOPEN, "the path has a zero byte", path: options.path)
    }
    var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    switch options.access {
    case .readOnly: flags |= SQLITE_OPEN_READONLY
    case .readWrite: flags |= SQLITE_OPEN_READWRITE
    case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    }
    // Only what is synced in full by each commit can be relied on by the next.
    keptJournal = options.mayKeepJournal && options.durability != .normal ? KeptJournal() : nil
    _ = Self.leavesMemoryUncounted
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(options.path, &opened, flags, keptJournal?.name)
    guard code == SQLITE_OK, let opened else {
      let message = String(cString: sqlite3_errmsg(opened))
      let systemError = sqlite3_system_errno(opened)
      // "Whether or not an error occurs when it is opened, resources associated with the
      // connection handle should be released by passing it to sqlite3_close()."
      sqlite3_close_v2(opened)
      throw SQLiteFailure.failure(
        code, message, path: options.path, systemError: systemError)
    }
    handle = opened
    path = options.path
    try configure(options)
  }

  deinit {
    // Every statement is owned by a `PreparedStatement` that keeps its connection alive, so none
    // is left here.
    sqlite3_close_v2(handle)
  }

  private func configure(_ options: SQLiteOptions) throws(StepFailure) {
    let quoting: Int32 = options.allowsDoubleQuotedStrings ? 1 : 0
    for (option, value) in [
      (SQLITE_DBCONFIG_DQS_DML, quoting), (SQLITE_DBCONFIG_DQS_DDL, quoting),
      (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0),
    ] {
      let code = csqlite_set_flag(handle, option, value)
      guard code == SQLITE_OK else { throw failure(code) }
    }
    waitForLocks(Bounds.readLockWait)
    // A read-only connection to a file that is no database is told here, not at the first query.
    _ = try scalar("PRAGMA schema_version")
    try execute("PRAGMA synchronous=\(options.durability.rawValue)")
    if let mode = options.journalMode { try setJournalMode(mode) }
  }

  private func setJournalMode(_ mode: SQLiteOptions.JournalMode) throws(StepFailure) {
    let now = try scalar("PRAGMA journal_mode=\(mode.rawValue)")
    guard now == .text(mode.rawValue) else {
      throw StepFailure(
        code: "JournalModeRefused", disposition: .stop,
        message: "\(path) can't be brought to journal mode \(mode.rawValue). Its file system may"
          + " lack shared memory; put the database on a local disk.")
    }
  }

  /// Lets this connection keep the rollback journal's file between its transactions, and end each
  /// by making the file's beginning invalid, instead of making and removing a file for each. What
  /// is on the disk when a commit returns stays the same; the directory is synced for the first.
  ///
  /// - Returns: whether it is so now; a write-ahead log, or a mode that somebody chose, is left as
  ///   it is.
  func keepJournalFile() throws(StepFailure) -> Bool {
    guard try scalar("PRAGMA main.journal_mode") == .text(SQLiteOptions.JournalMode.delete.rawValue)
    else { return false }
    return try scalar("PRAGMA main.journal_mode=persist") == .text("persist")
  }

  /// Goes back to removing the file.
  func dropJournalFile() {
    // A file that stays behind holds no transaction, and whoever writes next uses it.
    _ = try? scalar("PRAGMA main.journal_mode=\(SQLiteOptions.JournalMode.delete.rawValue)")
  }

  /// Sets how long a statement waits for a lock before it fails with `DatabaseLocked`.
  package func waitForLocks(_ limit: Interval) {
    sqlite3_busy_timeout(handle, Int32(clamping: limit.milliseconds))
  }

  /// Whether a transaction is open.
  package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Rows changed by this connection so far, with those changed by triggers and foreign keys.
  package var rowsChanged: Int64 { sqlite3_total_changes64(handle) }

  /// The failure for a result code of the call made just before.
  func failure(_ code: Int32) -> StepFailure {
    // `SQLITE_OK` comes here when a text holds no statement.
    guard code != SQLITE_OK else {
      return SQLiteFailure.failure(SQLITE_MISUSE, "the text holds no statement", path: path)
    }
    return SQLiteFailure.failure(
      sqlite3_extended_errcode(handle) & 0xff == code & 0xff
        ? sqlite3_extended_errcode(handle) : code,
      String(cString: sqlite3_errmsg(handle)), path: path,
      systemError: sqlite3_system_errno(handle))
  }
}

extension SQLiteConnection {
  /// Runs one statement and drops its rows.
  package func execute(_ text: String, _ parameters: [SQLValue] = []) throws(StepFailure) {
    let statement = try PreparedStatement(text, on: self)
    try statement.bind(parameters)
    while try statement.step() {}
  }

  /// Reads at most `limit` rows; one row more is an error, never a silent cut.
  package func rows(
    _ text: String, _ parameters: [SQLValue] = [], limit: Int = Bounds.rowsMax
  ) throws(StepFailure) -> [SQLRow] {
    let statement = try PreparedStatement(text, on: self)
    try statement.bind(parameters)
    let columns = statement.columns
    var rows: [SQLRow] = []
    while try statement.step() {
      guard rows.count < limit else {
        throw StepFailure(
          code: "TooManyRows", disposition: .stop,
          message: "A query on \(path) has more than the \(limit) rows that are allowed."
            + " Narrow the query.")
      }
      rows.append(
        SQLRow(
          columns: columns,
          values: columns.indices.map { statement.value(at: Int32($0)) }))
    }
    return rows
  }

  /// The first column of the first row; null when there is no row.
  package func scalar(
    _ text: String, _ parameters: [SQLValue] = []
  ) throws(StepFailure) -> SQLValue {
    let statement = try PreparedStatement(text, on: self)
    try statement.bind(parameters)
    return try statement.step() ? statement.value(at: 0) : .null
  }

  /// Runs every statement of the text in order; a failure names the line where its statement
  /// begins.
  package func run(script: String) throws(StepFailure) {
    var script = script
    let ended = script.withUTF8 { text -> Result<Void, StepFailure> in
      do throws(StepFailure) {
        try runStatements(of: text)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try ended.get()
  }

  private func runStatements(of text: UnsafeBufferPointer<UInt8>) throws(StepFailure) {
    guard !text.contains(0) else {
      throw StepFailure(
        code: "StatementFailed", disposition: .stop,
        message: "The script for \(path) has a zero byte, where SQLite would stop reading."
          + " Remove it.")
    }
    guard let base = text.baseAddress else { return }
    var offset = 0
    while offset < text.count {
      let start = UnsafeRawPointer(base + offset).assumingMemoryBound(to: CChar.self)
      var handle: OpaquePointer?
      var tail: UnsafePointer<CChar>?
      let length = Int32(clamping: text.count - offset)
      let code = sqlite3_prepare_v2(self.handle, start, length, &handle, &tail)
      guard code == SQLITE_OK else {
        // "If the most recent error does not reference a specific token in the input SQL, then
        // the sqlite3_error_offset() function returns -1."
        let place = Int(sqlite3_error_offset(self.handle))
        throw failure(code).at(
          line: place < 0
            ? firstLine(from: offset, in: text) : line(of: offset + place, in: text))
      }
      // No handle and no error: only blanks and comments were left.
      guard let handle, let tail else { return }
      let statement = PreparedStatement(owning: handle, of: self)
      do throws(StepFailure) {
        while try statement.step() {}
      } catch {
        throw error.at(line: firstLine(from: offset, in: text))
      }
      offset += start.distance(to: tail)
    }
  }

  /// The line where the statement at an offset begins, behind blanks and comments.
  private func firstLine(from offset: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    let rest = String(decoding: text[offset...], as: UTF8.self)
    // A text that SQLite has read has tokens; without them the offset is close enough.
    let first = try? SQLiteTokenizer.tokens(of: rest).first?.line
    return line(of: offset, in: text) + ((first ?? 1) - 1)
  }

  private func line(of offset: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    1 + text[..<min(offset, text.count)].count { $0 == 0x0A }
  }
}

extension StepFailure {
  /// The same failure, with the line of the script where it happened.
  func at(line: Int) -> StepFailure {
    var failure = self
    failure.message = "Line \(line): \(message)"
    return failure
  }
}
