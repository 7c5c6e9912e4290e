import CPostgres
import Glibc

/// One connection to a PostgreSQL server, with its statements prepared once.
///
/// The server plans a prepared statement anew when a table has changed under it, so a release that
/// still fits the schema goes on working through a migration.
// Safe: the pool hands a connection to one thread at a time.
final class PostgresConnection: DatabaseConnection, @unchecked Sendable {
  private let handle: OpaquePointer
  private var prepared: [Query: String] = [:]

  /// Connects to the server.
  ///
  /// - Parameter application: the name that the server shows, unless the URL has one.
  init(url: String, application: String) throws(DatabaseError) {
    // A later value replaces an earlier one, so the URL decides where it says something.
    let parameters = [
      ("connect_timeout", "5"), ("fallback_application_name", application), ("dbname", url),
      ("client_encoding", "UTF8"),
    ]
    let (names, values) = (CStrings(parameters.map(\.0)), CStrings(parameters.map(\.1)))
    let opened = withExtendedLifetime((names, values)) {
      PQconnectdbParams(names.pointers, values.pointers, 1)
    }
    guard let opened else { throw DatabaseError(message: "out of memory", query: "") }
    guard PQstatus(opened) == CONNECTION_OK else {
      let message = PostgresConnection.message(of: opened)
      PQfinish(opened)
      throw DatabaseError(message: message, query: "")
    }
    handle = opened
    // Where it fails, the end of this object closes the connection.
    try setUp()
  }

  deinit { PQfinish(handle) }

  func begin(_ kind: TransactionKind) throws(DatabaseError) {
    let statement =
      kind == .reading ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN"
    if isConnected {
      do {
        return try send(statement)
      } catch  where !isConnected {
        // Nothing was begun, so it may be begun on a new connection.
      }
    }
    PQreset(handle)
    prepared = [:]
    guard isConnected else { throw failure("") }
    try setUp()
    try send(statement)
  }

  func end(commits: Bool) throws(DatabaseError) {
    try send(commits ? "COMMIT" : "ROLLBACK")
  }

  func rows(
    _ query: Query, _ parameters: [DatabaseValue]
  ) throws(DatabaseError) -> [[DatabaseValue]] {
    let name = try preparedName(query)
    let values = CStrings(
      query.arranged(parameters).map { value -> String? in
        switch value {
        case .null: nil
        case .integer(let number): String(number)
        case .text(let text): text
        }
      })
    let result = withExtendedLifetime(values) {
      PQexecPrepared(handle, name, Int32(query.order.count), values.pointers, nil, nil, 0)
    }
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK: return []
    case PGRES_TUPLES_OK: break
    default: throw failure(query.text, result)
    }
    let count = PQntuples(result)
    guard count <= Self.rowsMax else {
      throw DatabaseError(message: "more than \(Self.rowsMax) rows", query: query.text)
    }
    return (0..<count).map { row in
      (0..<PQnfields(result)).map { PostgresConnection.value(result, row, $0) }
    }
  }

  private var isConnected: Bool { PQstatus(handle) == CONNECTION_OK }

  /// Waits for locks as long as a client waits for its reply, and not for ever.
  private func setUp() throws(DatabaseError) {
    try send("SET lock_timeout = '5s'")
  }

  private func send(_ statement: String) throws(DatabaseError) {
    let result = PQexec(handle, statement)
    defer { PQclear(result) }
    guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure(statement, result) }
  }

  private func preparedName(_ query: Query) throws(DatabaseError) -> String {
    if let name = prepared[query] { return name }
    let name = "beacon_\(prepared.count)"
    let result = PQprepare(handle, name, query.text, 0, nil)
    defer { PQclear(result) }
    guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure(query.text, result) }
    prepared[query] = name
    return name
  }

  private func failure(_ query: String, _ result: OpaquePointer? = nil) -> DatabaseError {
    let field = { (code: CChar) in
      PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
    }
    let state = field(CChar(UInt8(ascii: "C"))) ?? ""
    let message = field(CChar(UInt8(ascii: "M"))) ?? PostgresConnection.message(of: handle)
    return DatabaseError(
      // Serialization failure and deadlock.
      message: message, query: query, isPassing: ["40001", "40P01"].contains(state))
  }

  /// The first line of what libpq says, which holds no password.
  private static func message(of handle: OpaquePointer) -> String {
    let text = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
    return text.split(separator: "\n").first.map(String.init) ?? "the connection was lost"
  }

  private static func value(
    _ result: OpaquePointer?, _ row: Int32, _ column: Int32
  ) -> DatabaseValue {
    guard PQgetisnull(result, row, column) == 0, let bytes = PQgetvalue(result, row, column) else {
      return .null
    }
    let text = String(cString: bytes)
    // The types' numbers are fixed: bool, int8, int2, int4.
    switch PQftype(result, column) {
    case 16: return .integer(text == "t" ? 1 : 0)
    case 20, 21, 23: return .integer(Int64(text) ?? 0)
    default: return .text(text)
    }
  }
}

/// Texts as C strings, with a null pointer behind the last; they live as long as this does.
private final class CStrings {
  let pointers: [UnsafePointer<CChar>?]

  init(_ texts: [String?]) {
    pointers = texts.map { $0.flatMap { UnsafePointer(strdup($0)) } } + [nil]
  }

  deinit {
    for pointer in pointers { free(UnsafeMutablePointer(mutating: pointer)) }
  }
}
