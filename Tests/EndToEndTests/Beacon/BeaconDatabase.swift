import CMariaDB
import CPostgres
import CSQLite
import Glibc
import Testing

@testable import windlass

/// An engine that Beacon runs on, by the name of its migrations' directory.
enum BeaconEngine: String, CaseIterable, Sendable {
  case sqlite, postgres, mysql

  /// What the engine says of a column that is not there.
  var missingColumnWords: String {
    switch self {
    case .sqlite: "no such column"
    case .postgres: "does not exist"
    case .mysql: "Unknown column"
    }
  }

  /// The ledger as golang-migrate makes it.
  fileprivate var ledger: String {
    let columns =
      self == .sqlite
      ? "(version uint64, dirty bool)"
      : "(version bigint not null primary key, dirty boolean not null)"
    return "CREATE TABLE IF NOT EXISTS schema_migrations \(columns);"
  }
}

/// An empty database of one test, with a connection to it.
final class BeaconDatabase {
  let engine: BeaconEngine
  let url: String
  private let connection: OpaquePointer
  private let file: String?

  /// Makes the database: a file, or one of the private server's.
  init(_ engine: BeaconEngine) async throws {
    self.engine = engine
    switch engine {
    case .sqlite:
      var template = Array("/tmp/windlass-beacon-XXXXXX".utf8CString)
      try #require(mkdtemp(&template) != nil)
      let directory = String(
        decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      file = "\(directory)/beacon.db"
      url = "sqlite://\(directory)/beacon.db"
      var opened: OpaquePointer?
      try #require(sqlite3_open(file, &opened) == SQLITE_OK)
      connection = try #require(opened)
      sqlite3_busy_timeout(connection, 5_000)
      try execute("PRAGMA journal_mode = WAL")
    case .postgres:
      file = nil
      url = try await TestServers.shared.freshDatabase(.postgres)
      connection = try #require(PQconnectdb(url))
      try #require(PQstatus(connection) == CONNECTION_OK)
    case .mysql:
      file = nil
      url = try await TestServers.shared.freshDatabase(.mysql)
      let address = try MySQLPlace(url: url)
      let made = try #require(mysql_init(nil))
      // Several statements in one message, as golang-migrate sends a file.
      let isConnected = mysql_real_connect(
        made, nil, address.user, address.password, address.database, 0, address.socket, 1 << 16)
      try #require(isConnected != nil, "\(String(cString: mysql_error(made)))")
      connection = OpaquePointer(made)
    }
  }

  deinit {
    switch engine {
    case .sqlite: sqlite3_close(connection)
    case .postgres: PQfinish(connection)
    case .mysql: mysql_close(mysql)
    }
    guard let file else { return }
    for suffix in ["", "-wal", "-shm"] { unlink("\(file)\(suffix)") }
    rmdir(String(file.dropLast("/beacon.db".count)))
  }

  /// Runs statements, in one transaction where the engine can, and moves the ledger.
  func run(_ text: String, ledger version: Int) throws {
    let zero = engine == .postgres ? "false" : "0"
    let all =
      engine.ledger + text + "\nDELETE FROM schema_migrations;"
      + "INSERT INTO schema_migrations VALUES (\(version), \(zero));"
    // PostgreSQL makes one transaction of one message; MariaDB can't.
    try execute(engine == .sqlite ? "BEGIN IMMEDIATE;\(all)COMMIT" : all)
  }

  /// Ends every session but this one in the database, and returns how many there were.
  func endOtherSessions() throws -> Int {
    if engine == .postgres {
      let result = PQexec(
        connection,
        """
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """)
      defer { PQclear(result) }
      return Int(PQntuples(result))
    }
    let query =
      "SELECT id FROM information_schema.processlist"
      + " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    try #require(mysql_query(mysql, query) == 0)
    let result = try #require(mysql_store_result(mysql))
    var ids: [String] = []
    while let row = mysql_fetch_row(result) { ids += row[0].map { [String(cString: $0)] } ?? [] }
    mysql_free_result(result)
    for id in ids { try execute("KILL CONNECTION \(id)") }
    return ids.count
  }

  private var mysql: UnsafeMutablePointer<MYSQL> { UnsafeMutablePointer(connection) }

  private func execute(_ text: String) throws {
    switch engine {
    case .sqlite:
      let code = sqlite3_exec(connection, text, nil, nil, nil)
      try #require(code == SQLITE_OK, "\(String(cString: sqlite3_errmsg(connection)))")
    case .postgres:
      let result = PQexec(connection, text)
      defer { PQclear(result) }
      let status = PQresultStatus(result)
      try #require(
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK,
        "\(String(cString: PQerrorMessage(connection)))")
    case .mysql:
      var code = mysql_query(mysql, text)
      while code == 0 {
        mysql_free_result(mysql_store_result(mysql))
        code = mysql_next_result(mysql)
      }
      // -1 says that there are no more results.
      try #require(code == -1, "\(String(cString: mysql_error(mysql)))")
    }
  }
}

/// The parts of a URL of the private MariaDB server.
private struct MySQLPlace {
  var user: String
  var password: String
  var database: String
  var socket: String

  init(url: String) throws {
    let words = url.split { ":/@?=".contains($0) }.map(String.init)
    try #require(words.count > 6)
    (user, password, database) = (words[1], words[2], words[4])
    let mark = try #require(url.firstIndex(of: "="))
    socket = String(url[mark...].dropFirst())
  }
}
