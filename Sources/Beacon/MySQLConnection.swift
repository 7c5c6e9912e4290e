import CMariaDB

/// One connection to a MariaDB or MySQL server, with its statements prepared once.
///
/// The server prepares a statement anew by itself when a table has changed under it, so a release
/// that still fits the schema goes on working through a migration.
// Safe: the pool hands a connection to one thread at a time.
final class MySQLConnection: DatabaseConnection, @unchecked Sendable {
  private let address: MySQLAddress
  private var handle: UnsafeMutablePointer<MYSQL>?
  private var prepared: [Query: MySQLStatement] = [:]

  /// Connects to the server.
  init(_ address: MySQLAddress) throws(DatabaseError) {
    self.address = address
    try connect()
  }

  deinit { disconnect() }

  func begin(_ kind: TransactionKind) throws(DatabaseError) {
    let statement = kind == .reading ? "START TRANSACTION READ ONLY" : "START TRANSACTION"
    if handle != nil {
      do {
        return try send(statement)
      } catch  where handle == nil {
        // Nothing was begun, so it may be begun on a new connection.
      }
    }
    try connect()
    try send(statement)
  }

  func end(commits: Bool) throws(DatabaseError) {
    try send(commits ? "COMMIT" : "ROLLBACK")
  }

  func rows(
    _ query: Query, _ parameters: [DatabaseValue]
  ) throws(DatabaseError) -> [[DatabaseValue]] {
    do throws(MySQLFailure) {
      return try statement(query).rows(query.arranged(parameters), limit: Self.rowsMax)
    } catch {
      throw self.failure(query.text, error)
    }
  }

  private func statement(_ query: Query) throws(MySQLFailure) -> MySQLStatement {
    if let statement = prepared[query] { return statement }
    let statement = try MySQLStatement(query.text, on: handle)
    prepared[query] = statement
    return statement
  }

  private func send(_ statement: String) throws(DatabaseError) {
    guard let handle else { throw failure(statement, .lost) }
    guard mysql_query(handle, statement) == 0 else {
      throw failure(statement, MySQLFailure(mysql_errno(handle), mysql_error(handle)))
    }
  }

  private func connect() throws(DatabaseError) {
    disconnect()
    guard let made = mysql_init(nil) else { throw DatabaseError(message: "no memory", query: "") }
    var seconds: UInt32 = 5
    mysql_options(made, MYSQL_OPT_CONNECT_TIMEOUT, &seconds)
    mysql_options(made, MYSQL_SET_CHARSET_NAME, "utf8mb4")
    // Waits for locks as long as a client waits for its reply, and not for ever.
    mysql_options(
      made, MYSQL_INIT_COMMAND,
      "SET SESSION innodb_lock_wait_timeout = 5, lock_wait_timeout = 5,"
        + " sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")
    let isConnected = mysql_real_connect(
      made, address.socket == nil ? address.host : nil, address.user, address.password,
      address.database, address.port, address.socket, 0)
    guard isConnected != nil else {
      let failure = MySQLFailure(mysql_errno(made), mysql_error(made))
      mysql_close(made)
      throw DatabaseError(message: failure.message, query: "")
    }
    handle = made
  }

  private func disconnect() {
    // Statements close over the connection, so they go before it.
    prepared = [:]
    if let handle { mysql_close(handle) }
    handle = nil
  }

  private func failure(_ query: String, _ failure: MySQLFailure) -> DatabaseError {
    if failure.isLoss { disconnect() }
    return DatabaseError(
      message: failure.message, query: query, isPassing: failure.isPassing)
  }
}

/// What the client library or the server said.
struct MySQLFailure: Error {
  /// No connection.
  static let lost = MySQLFailure(code: 2_006, message: "the connection was lost")

  let code: UInt32
  let message: String

  /// Takes the library's last words, which hold no password.
  init(_ code: UInt32, _ message: UnsafePointer<CChar>?) {
    self.init(code: code, message: message.map { String(cString: $0) } ?? "no reason is known")
  }

  /// Makes a failure of our own.
  init(code: UInt32, message: String) {
    self.code = code
    self.message = message
  }

  /// The server is gone, or the connection to it; a shutdown and a killed session count too.
  var isLoss: Bool { [1_053, 1_927, 2_006, 2_013, 2_055].contains(code) }

  /// A deadlock; a table that was changed after the transaction's snapshot was taken; a statement
  /// that was prepared anew too often.
  var isPassing: Bool { [1_213, 1_412, 1_615].contains(code) }
}
