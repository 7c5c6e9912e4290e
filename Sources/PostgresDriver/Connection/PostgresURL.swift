package import WindlassCore
package import WindlassSchema

/// A database URL such as `postgres://user:password@host:5432/name?sslmode=require`, or the same
/// with `cockroachdb://`.
///
/// What follows `?` are libpq's parameters, settings of the session as other clients take them
/// (`search_path=app`), and golang-migrate's options, which begin with `x-` and go to no server.
package struct PostgresURL: Hashable, Sendable {
  /// What goes to libpq, by its keywords; it holds the password.
  private var parameters: [String: Secret]
  /// Settings of the session, by name.
  private var settings: [String: String]
  /// golang-migrate's options, by name.
  package private(set) var options: [String: String]

  /// The database's name.
  package private(set) var database: String
  /// Which server the scheme names.
  package let dialect: PostgresDialect
  /// What the URL's user is for; nil for a URL from the command line.
  package var role: DatabaseRole?

  /// Reads a URL.
  ///
  /// - Throws: `BadURL`, which repeats nothing of it.
  package init(_ text: String) throws(StepFailure) {
    let schemes = ["postgres://", "postgresql://", "cockroachdb://"]
    guard let scheme = schemes.first(where: { text.hasPrefix($0) }) else {
      throw Self.wrong("it begins with neither postgres:// nor cockroachdb://")
    }
    dialect = scheme == "cockroachdb://" ? .cockroachdb : .postgres
    let rest = text.dropFirst(scheme.count)
    guard !rest.contains("#") else {
      throw Self.wrong("there is a #, which means nothing here; in a password it is written as %23")
    }
    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let address = parts[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    parameters = [:]
    settings = [:]
    options = [:]
    database = ""
    try readAuthority(address[0])
    if address.count == 2 {
      guard !address[1].contains("@") else { throw Self.cutPassword }
      database = try Self.decoded(address[1])
    }
    if parts.count == 2 { try readQuery(parts[1]) }
    if let name = parameters.removeValue(forKey: "dbname")?.reveal() { database = name }
    if database.isEmpty { database = parameters["user"]?.reveal() ?? "" }
    guard !database.isEmpty else { throw Self.wrong("it names no database") }
    // Its own port, which libpq does not know.
    if dialect == .cockroachdb, parameters["port"] == nil { parameters["port"] = Secret("26257") }
  }

  /// The same server with another database.
  package func replacing(database: String) -> PostgresURL {
    var copy = self
    copy.database = database
    return copy
  }

  /// The same database by the UNIX socket in a directory.
  package func replacing(socketDirectory: String) -> PostgresURL {
    var copy = self
    copy.parameters["host"] = Secret(socketDirectory)
    copy.parameters["hostaddr"] = nil
    return copy
  }

  /// The same database through another user.
  package func replacing(user: String, password: Secret) -> PostgresURL {
    var copy = self
    copy.parameters["user"] = Secret(user)
    copy.parameters["password"] = password
    return copy
  }

  /// The same database as another URL's client would use it: with its settings, and with those that
  /// the server has for its user. golang-migrate's options are its as well.
  ///
  /// - Parameters:
  ///   - user: whom `"$user"` in a search path means.
  ///   - given: what the server has for the user; a later one replaces an earlier one.
  func withSettings(
    of service: PostgresURL, as user: String, given: [(name: String, value: String)]
  ) -> PostgresURL {
    var copy = self
    (copy.settings, copy.options) = (service.settings, service.options)
    copy.settings["search_path"] = service.settings["search_path"]?.naming(user: user)
    let words = given.map { "-c \($0.name)=\(Self.escaped($0.value))" }
    // Of two settings of one name the server takes the last.
    let all = words + [service.parameters["options"]?.reveal() ?? ""].filter { !$0.isEmpty }
    copy.parameters["options"] = all.isEmpty ? nil : Secret(all.joined(separator: " "))
    return copy
  }

  /// The user's name; nil where the environment or the system says it.
  package var user: String? { parameters["user"]?.reveal() }

  /// Host, port and database for a person; neither user nor password.
  package var place: String {
    let hosts = (parameters["host"]?.reveal() ?? "").split(
      separator: ",", omittingEmptySubsequences: false)
    let ports = (parameters["port"]?.reveal() ?? "").split(
      separator: ",", omittingEmptySubsequences: false)
    let servers = hosts.indices.map { index in
      let host = hosts[index].isEmpty ? "localhost" : String(hosts[index])
      let port = ports.isEmpty ? "" : String(ports[min(index, ports.count - 1)])
      return port.isEmpty ? host : "\(host):\(port)"
    }
    // Most name one, for which nothing is to be joined.
    let names = servers.count > 1 ? servers.joined(separator: ",") : servers.first ?? "localhost"
    return "\(names)/\(database)"
  }

  /// The URL's user for a person, behind an article.
  var whom: String { DatabaseRole.words(user: user, role) }

  /// The URL without its password, as the command line takes it.
  package var reference: String { text(withPassword: false) }

  /// The whole URL, for the one who connects with it.
  package var secret: Secret { Secret(text(withPassword: true)) }

  /// What libpq takes, by keyword. The session's settings are among them.
  var keywords: [(name: String, value: Secret)] {
    var all = parameters
    all["dbname"] = Secret(database)
    if !settings.isEmpty {
      let given = all["options"].map { $0.reveal() + " " } ?? ""
      let mine = settings.sorted { $0.key < $1.key }.map {
        "-c \($0.key)=\(Self.escaped($0.value))"
      }
      all["options"] = Secret(given + mine.joined(separator: " "))
    }
    return all.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
  }

  /// A value in the server's command line, whose blanks and backslashes are escaped.
  private static func escaped(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      if character == " " || character == "\\" { text.append("\\") }
      text.append(character)
    }
  }

  // MARK: Reading

  /// A password that holds a `/` or `?` as it is: the rest of it would be taken for a database or a
  /// setting, and shown.
  private static let cutPassword = wrong(
    "an @ stands behind the host; a / or ? in a password is written as %2F or %3F")

  private mutating func readAuthority(_ authority: Substring) throws(StepFailure) {
    var servers = authority
    if let at = authority.lastIndex(of: "@") {
      let user = authority[..<at]
      servers = authority[authority.index(after: at)...]
      let names = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if !names[0].isEmpty { parameters["user"] = Secret(try Self.decoded(names[0])) }
      if names.count == 2 { parameters["password"] = Secret(try Self.decoded(names[1])) }
    }
    guard !servers.isEmpty else { return }
    var hosts: [String] = []
    var ports: [String] = []
    for server in servers.split(separator: ",", omittingEmptySubsequences: false) {
      let (host, port) = Self.hostAndPort(server)
      guard port.isEmpty || UInt16(port).map({ $0 > 0 }) == true else {
        throw Self.wrong(
          "its port is no number from 1 to 65535; an @, : or # in a password is written as %40, %3A"
            + " or %23")
      }
      hosts.append(try Self.decoded(host))
      ports.append(String(port))
    }
    if hosts.contains(where: { !$0.isEmpty }) {
      parameters["host"] = Secret(hosts.count > 1 ? hosts.joined(separator: ",") : hosts[0])
    }
    if ports.contains(where: { !$0.isEmpty }) {
      parameters["port"] = Secret(ports.count > 1 ? ports.joined(separator: ",") : ports[0])
    }
  }

  private static func hostAndPort(_ server: Substring) -> (host: Substring, port: Substring) {
    if server.hasPrefix("["), let end = server.firstIndex(of: "]") {
      let rest = server[server.index(after: end)...]
      return (server[server.index(after: server.startIndex)..<end], rest.dropFirst())
    }
    guard let colon = server.lastIndex(of: ":") else { return (server, "") }
    let port = server[server.index(after: colon)...]
    // A colon without a port is a password without its `@`.
    return (server[..<colon], port.isEmpty ? ":" : port)
  }

  private mutating func readQuery(_ query: Substring) throws(StepFailure) {
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = try Self.decoded(parts[0])
      let value = parts.count == 2 ? try Self.decoded(parts[1]) : ""
      if name.hasPrefix("x-") {
        options[name] = value
      } else if Self.libraryKeywords.contains(name) {
        parameters[name] = Secret(value)
      } else if !Self.clientOptions.contains(name) {
        guard Self.isSetting(name) else {
          throw Self.wrong("a parameter's name has other signs than letters, digits, `_` and `.`")
        }
        // As a setting it would be shown, and the server would not take it for a password.
        guard !["pass", "pwd", "secret", "token"].contains(where: name.lowercased().contains) else {
          throw Self.wrong("a parameter is named like a secret; libpq's name is `password`")
        }
        guard parts.count < 2 || !parts[1].contains("@") else { throw Self.cutPassword }
        settings[name] = value
      }
    }
  }

  /// libpq's keywords that a URL may set; the rest are Windlass's own to set.
  private static let libraryKeywords: Set<String> = [
    "channel_binding", "connect_timeout", "dbname", "gssencmode", "gsslib", "host", "hostaddr",
    "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname",
    "load_balance_hosts", "options", "passfile", "password", "port", "require_auth", "requirepeer",
    "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode",
    "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword",
    "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout", "user",
  ]

  /// What other clients' libraries keep for themselves, and the names that Windlass gives itself.
  private static let clientOptions: Set<String> = [
    "application_name", "binary_parameters", "client_encoding", "default_query_exec_mode",
    "description_cache_capacity", "fallback_application_name", "pool_health_check_period",
    "pool_max_conn_idle_time", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter",
    "pool_max_conns", "pool_min_conns", "prefer_simple_protocol", "replication",
    "statement_cache_capacity", "statement_cache_mode",
  ]

  private static func isSetting(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
      }
  }

  // MARK: Writing

  private func text(withPassword: Bool) -> String {
    var query: [(String, String)] = []
    for (name, value) in parameters where !["user", "password", "host", "port"].contains(name) {
      if name == "sslpassword", !withPassword { continue }
      query.append((name, value.reveal()))
    }
    query += settings.map { ($0.key, $0.value) } + options.map { ($0.key, $0.value) }
    let pairs = query.sorted { $0.0 < $1.0 }.map { "\($0.0)=\(Self.encoded($0.1))" }
    let user = parameters["user"].map { Self.encoded($0.reveal()) } ?? ""
    let password = withPassword ? parameters["password"].map { Self.encoded($0.reveal()) } : nil
    let login = user.isEmpty ? "" : user + (password.map { ":\($0)" } ?? "") + "@"
    return "\(dialect.engine)://\(login)\(servers)/\(Self.encoded(database))"
      + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
  }

  private var servers: String {
    let hosts = (parameters["host"]?.reveal() ?? "").split(
      separator: ",", omittingEmptySubsequences: false)
    let ports = (parameters["port"]?.reveal() ?? "").split(
      separator: ",", omittingEmptySubsequences: false)
    return (0..<max(hosts.count, ports.count)).map { index in
      let host = index < hosts.count ? String(hosts[index]) : ""
      let port = index < ports.count ? String(ports[index]) : ""
      let written = host.contains(":") ? "[\(host)]" : Self.encoded(host)
      return port.isEmpty ? written : "\(written):\(port)"
    }.joined(separator: ",")
  }

  private static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        String(UnicodeScalar(byte))
      default: "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }.joined()
  }

  private static func decoded(_ text: Substring) throws(StepFailure) -> String {
    do throws(PercentText.Flaw) {
      return try PercentText.decoded(text)
    } catch .escape {
      throw wrong("a % is not followed by two hexadecimal digits")
    } catch {
      throw wrong("it is not UTF-8 or has a zero byte")
    }
  }

  private static func wrong(_ reason: String) -> StepFailure {
    StepFailure(
      code: "BadURL", disposition: .stop,
      message: "The PostgreSQL URL can't be used: \(reason). Write it as"
        + " postgres://user:password@host:5432/name.")
  }
}
