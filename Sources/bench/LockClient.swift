import CMariaDB
import CPostgres

/// A server that trials are run on.
enum LockEngine: String, CaseIterable {
  case postgres, mariadb, mysql
}

/// Where the private server listens.
struct LockServer: Sendable {
  var engine: LockEngine
  /// The directory of PostgreSQL's socket, or MariaDB's or MySQL's socket itself.
  var socket: String
  var user: String
  var database: String

  /// The URL for Windlass.
  var url: String {
    switch engine {
    case .postgres: "postgres://\(user)@/\(database)?host=\(socket)"
    case .mariadb, .mysql: "mysql://\(user)@localhost/\(database)?socket=\(socket)"
    }
  }

  /// The engine's own client with one statement.
  func client(_ statement: String) -> [String] {
    switch engine {
    case .postgres:
      [
        "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", socket, "-U", user, "-d", database, "-c",
        statement,
      ]
    case .mariadb, .mysql:
      [engine.rawValue, "--no-defaults", "-S", socket, "-u", user, database, "-e", statement]
    }
  }

  /// Opens a connection.
  func connect() throws(BenchFailure) -> any LockConnection {
    switch engine {
    case .postgres: try PostgresLockConnection(self)
    case .mariadb, .mysql: try MySQLLockConnection(self)
    }
  }
}

/// A connection of a client that is not Windlass; one thread at a time uses it.
protocol LockConnection: Sendable {
  /// Sends one statement and drops its rows.
  func run(_ statement: String) throws(BenchFailure)
}

// Safe: each connection is made, used and dropped by one client, whose work is never done twice at
// a time.
private final class PostgresLockConnection: LockConnection, @unchecked Sendable {
  private let handle: OpaquePointer?

  init(_ server: LockServer) throws(BenchFailure) {
    handle = PQconnectdb("host=\(server.socket) user=\(server.user) dbname=\(server.database)")
    guard PQstatus(handle) == CONNECTION_OK else { throw failure() }
  }

  deinit { PQfinish(handle) }

  func run(_ statement: String) throws(BenchFailure) {
    let result = PQexec(handle, statement)
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
      throw failure()
    }
  }

  private func failure() -> BenchFailure {
    BenchFailure(description: PQerrorMessage(handle).map { String(cString: $0) } ?? "no memory")
  }
}

// Safe: as above.
private final class MySQLLockConnection: LockConnection, @unchecked Sendable {
  private let handle: UnsafeMutablePointer<MYSQL>?

  init(_ server: LockServer) throws(BenchFailure) {
    handle = mysql_init(nil)
    guard
      mysql_real_connect(
        handle, nil, server.user, nil, server.database, 0, server.socket, 0) != nil
    else { throw failure() }
  }

  deinit { mysql_close(handle) }

  func run(_ statement: String) throws(BenchFailure) {
    guard mysql_query(handle, statement) == 0 else { throw failure() }
    mysql_free_result(mysql_store_result(handle))
  }

  private func failure() -> BenchFailure {
    BenchFailure(description: mysql_error(handle).map { String(cString: $0) } ?? "no memory")
  }
}
