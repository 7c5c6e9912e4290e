/// Which database Beacon uses, from the URL in `BEACON_DB`.
enum DatabaseAddress: Sendable {
  /// A file of SQLite.
  case sqlite(path: String)
  /// A PostgreSQL server, or one of CockroachDB; libpq reads the URL by itself.
  case postgres(url: String)
  /// A MariaDB or MySQL server.
  case mysql(MySQLAddress)

  /// Reads a URL, by its scheme.
  init(url: String) throws(StartupError) {
    let scheme = url.prefix { $0 != ":" }
    switch scheme {
    case "sqlite": self = .sqlite(path: try DatabaseAddress.sqlitePath(url))
    case "postgres", "postgresql": self = .postgres(url: url)
    case "cockroachdb": self = .postgres(url: DatabaseAddress.cockroachURL(url))
    case "mysql": self = .mysql(try MySQLAddress(url: url))
    default:
      throw StartupError(
        "beacon: BEACON_DB begins with no scheme that is known; "
          + "write sqlite:///path/file.db, postgres://host/database, "
          + "cockroachdb://host/database or mysql://host/database.")
    }
  }

  /// What the statements are written for.
  var dialect: Dialect {
    switch self {
    case .sqlite: .sqlite
    case .postgres: .postgres
    case .mysql: .mysql
    }
  }

  /// The database as a person may see it: without user, password and parameters.
  var shown: String {
    switch self {
    case .sqlite(let path): path
    case .postgres(let url):
      "the database "
        + (url.split(separator: "?", maxSplits: 1)[0].split(separator: "@").last ?? "")
        .drop { $0 != "/" }.drop { $0 == "/" }
    case .mysql(let address): "the MySQL database \(address.database)"
    }
  }

  /// One new connection.
  ///
  /// - Parameter application: what the server shows of this client, where it shows any.
  func connect(
    isReader: Bool, application: String
  ) throws(StartupError) -> any DatabaseConnection {
    do throws(DatabaseError) {
      switch self {
      case .sqlite(let path): return try SQLiteConnection(path: path, isReader: isReader)
      case .postgres(let url): return try PostgresConnection(url: url, application: application)
      case .mysql(let address): return try MySQLConnection(address)
      }
    } catch {
      throw StartupError("beacon: \(shown) cannot be opened: \(error.message).")
    }
  }

  /// The URL as libpq takes it, with CockroachDB's own port where it names none.
  private static func cockroachURL(_ url: String) -> String {
    let rest = url.dropFirst("cockroachdb://".count)
    let authority = rest.prefix { !"/?".contains($0) }
    let at = authority.lastIndex(of: "@").map { authority.index(after: $0) }
    let servers = authority[(at ?? authority.startIndex)...]
    let named = servers.split(separator: ",", omittingEmptySubsequences: false).map { server in
      let hasPort = server.reversed().prefix { $0 != "]" }.contains(":")
      return hasPort || rest.contains("port=") ? String(server) : server + ":26257"
    }
    return "postgres://\(authority[..<servers.startIndex])\(named.joined(separator: ","))"
      + rest.dropFirst(authority.count)
  }

  private static func sqlitePath(_ url: String) throws(StartupError) -> String {
    let prefix = "sqlite://"
    let path = url.dropFirst(prefix.count).prefix { $0 != "?" }
    guard url.hasPrefix(prefix), path.first == "/" else {
      throw StartupError(
        "beacon: BEACON_DB is no SQLite URL; write sqlite:/// and an absolute path.")
    }
    return PercentText.decoded(path)
  }
}

/// Text of a URL in which `%` and two digits stand for a byte.
enum PercentText {
  /// The text that is meant; a `%` without two digits stands for itself.
  static func decoded(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
