import CSQLite

/// One connection, with its statements prepared once.
///
/// SQLite prepares a statement anew by itself when the schema has changed under it, so a release
/// that still fits the schema goes on working through a migration.
// Safe: the pool hands a connection to one thread at a time, and the library's own full mutex
// would serialise two.
final class SQLiteConnection: DatabaseConnection, @unchecked Sendable {
  private let handle: OpaquePointer
  private var statements: [String: OpaquePointer] = [:]

  /// Opens the database, which must exist.
  init(path: String, isReader: Bool) throws(DatabaseError) {
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(
      path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nil)
    guard code == SQLITE_OK, let opened else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw DatabaseError(message: message, query: "")
    }
    handle = opened
    sqlite3_busy_timeout(handle, 5_000)
    try send("PRAGMA foreign_keys = ON")
    // Readers and the writer must not wait for each other; a database in this mode stays in it.
    if isReader {
      try send("PRAGMA query_only = ON")
    } else if try rows(ofText: "PRAGMA journal_mode", []).first?.first?.text != "wal" {
      try send("PRAGMA journal_mode = WAL")
    }
  }

  deinit {
    for statement in statements.values { sqlite3_finalize(statement) }
    sqlite3_close_v2(handle)
  }

  func begin(_ kind: TransactionKind) throws(DatabaseError) {
    // `IMMEDIATE` takes the write lock at once.
    try send(kind == .writing ? "BEGIN IMMEDIATE" : "BEGIN")
  }

  func end(commits: Bool) throws(DatabaseError) {
    try send(commits ? "COMMIT" : "ROLLBACK")
  }

  func rows(
    _ query: Query, _ parameters: [DatabaseValue]
  ) throws(DatabaseError) -> [[DatabaseValue]] {
    try rows(ofText: query.text, query.arranged(parameters))
  }

  private func send(_ text: String) throws(DatabaseError) {
    _ = try rows(ofText: text, [])
  }

  private func rows(
    ofText query: String, _ parameters: [DatabaseValue]
  ) throws(DatabaseError) -> [[DatabaseValue]] {
    let statement = try prepared(query)
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    for (index, parameter) in parameters.enumerated() {
      try bind(parameter, at: Int32(index + 1), of: statement, query)
    }
    var rows: [[DatabaseValue]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW where rows.count < Self.rowsMax: rows.append(row(of: statement))
      case SQLITE_DONE: return rows
      case SQLITE_ROW: throw DatabaseError(message: "more than \(Self.rowsMax) rows", query: query)
      default: throw failure(query)
      }
    }
  }

  private func prepared(_ query: String) throws(DatabaseError) -> OpaquePointer {
    if let statement = statements[query] { return statement }
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v3(
      handle, query, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement else { throw failure(query) }
    statements[query] = statement
    return statement
  }

  private func bind(
    _ value: DatabaseValue, at index: Int32, of statement: OpaquePointer, _ query: String
  ) throws(DatabaseError) {
    let code =
      switch value {
      case .null: sqlite3_bind_null(statement, index)
      case .integer(let number): sqlite3_bind_int64(statement, index, number)
      // The destructor -1 is SQLITE_TRANSIENT: SQLite copies the text before this returns.
      case .text(let text):
        sqlite3_bind_text(
          // SQLITE_TRANSIENT: the number -1 where a function is expected, as SQLite defines it.
          statement, index, text, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
      }
    guard code == SQLITE_OK else { throw failure(query) }
  }

  private func row(of statement: OpaquePointer) -> [DatabaseValue] {
    (0..<sqlite3_column_count(statement)).map { index in
      switch sqlite3_column_type(statement, index) {
      case SQLITE_NULL: .null
      case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, index))
      default: .text(sqlite3_column_text(statement, index).map { String(cString: $0) } ?? "")
      }
    }
  }

  private func failure(_ query: String) -> DatabaseError {
    DatabaseError(message: String(cString: sqlite3_errmsg(handle)), query: query)
  }
}
