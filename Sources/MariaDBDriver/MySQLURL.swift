package import WindlassCore

/// A database URL of the form `mysql://user:password@host:3306/database?parameter=value`.
///
/// `mariadb://` is the same, and so is the Go form `user:password@tcp(host:3306)/database` or
/// `unix(/path)`. Parameters for the service's client are passed over.
package enum MySQLURL {
  /// Whether a URL is one of these.
  package static func isOne(_ url: String) -> Bool { schemes.contains(where: url.hasPrefix) }

  private static let schemes = ["mysql://", "mariadb://"]

  /// Reads a URL; no failure quotes any part of it, since any part may hold the password.
  package static func address(of url: Secret) throws(StepFailure) -> MySQLAddress {
    let text = url.reveal()
    guard let scheme = schemes.first(where: text.hasPrefix) else {
      throw wrong("it does not begin with mysql://")
    }
    let halves = text.dropFirst(scheme.count)
      .split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let parameters = halves.count == 2 ? try parameters(of: halves[1]) : [:]
    let (login, rest) = split(halves[0], atLast: "@")
    // The rest of such a password would be taken for a host or a database, and shown.
    guard halves.count == 1 || !halves[1].contains("@") else {
      throw wrong("an @ stands behind a ?; a ? in a password is written as %3F")
    }
    let (place, path) = try place(rest)
    let database = try decoded(path, "the database's name")
    guard !database.isEmpty, !database.contains("/"), database.utf8.count <= 64 else {
      throw wrong("it names no database behind the host")
    }
    let (user, password) = try credentials(login)
    var address = MySQLAddress(
      place: place, user: user, password: password, database: database)
    if let socket = parameters["socket"] ?? parameters["unix_socket"] {
      address.place = .socket(socket)
    }
    address.source = url
    try apply(parameters, to: &address)
    return address
  }

  private static func credentials(
    _ login: Substring?
  ) throws(StepFailure) -> (user: String, password: Secret) {
    guard let login else { return ("", Secret("")) }
    let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let password = parts.count == 2 ? try decoded(parts[1], "the password") : ""
    return (try decoded(parts[0], "the user"), Secret(password))
  }

  private static func place(
    _ text: Substring
  ) throws(StepFailure) -> (MySQLAddress.Place, Substring) {
    if text.hasPrefix("unix("), let end = text.firstIndex(of: ")") {
      let path = text[text.index(text.startIndex, offsetBy: 5)..<end]
      return (.socket(String(path)), try databasePart(text[text.index(after: end)...]))
    }
    if text.hasPrefix("tcp("), let end = text.firstIndex(of: ")") {
      let inside = text[text.index(text.startIndex, offsetBy: 4)..<end]
      return (try host(inside), try databasePart(text[text.index(after: end)...]))
    }
    guard let slash = text.firstIndex(of: "/") else {
      throw wrong("it names no database behind the host")
    }
    return (try host(text[..<slash]), try databasePart(text[slash...]))
  }

  private static func databasePart(_ text: Substring) throws(StepFailure) -> Substring {
    guard text.first == "/" else { throw wrong("it names no database behind the host") }
    return text.dropFirst()
  }

  private static func host(_ text: Substring) throws(StepFailure) -> MySQLAddress.Place {
    if text.isEmpty { return .host("127.0.0.1", port: 3306) }
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      let name = text[text.index(after: text.startIndex)..<end]
      return .host(String(name), port: try port(text[text.index(after: end)...]))
    }
    guard let colon = text.firstIndex(of: ":") else {
      return .host(try decoded(text, "the host"), port: 3306)
    }
    return .host(try decoded(text[..<colon], "the host"), port: try port(text[colon...]))
  }

  private static func port(_ text: Substring) throws(StepFailure) -> UInt32 {
    if text.isEmpty { return 3306 }
    guard text.first == ":", let number = UInt16(text.dropFirst()), number > 0 else {
      throw wrong(
        "its port is no number from 1 to 65535; a : or @ in a password is written as %3A"
          + " or %40")
    }
    return UInt32(number)
  }

  private static func parameters(
    of text: Substring
  ) throws(StepFailure) -> [String: String] {
    var parameters: [String: String] = [:]
    for part in text.split(separator: "&") {
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = try decoded(halves[0], "a parameter's name")
      parameters[name] = halves.count == 2 ? try decoded(halves[1], "a parameter") : ""
    }
    return parameters
  }

  private static func apply(
    _ parameters: [String: String], to address: inout MySQLAddress
  ) throws(StepFailure) {
    address.authorities = parameters["x-tls-ca"] ?? parameters["ssl-ca"]
    address.certificate = parameters["x-tls-cert"] ?? parameters["ssl-cert"]
    address.key = parameters["x-tls-key"] ?? parameters["ssl-key"]
    address.ledgerTable = parameters["x-migrations-table"]
    let mode = (parameters["ssl-mode"] ?? parameters["tls"] ?? "").lowercased()
    if parameters["x-tls-insecure-skip-verify"] == "true" {
      address.protection = .encrypted
      return
    }
    switch mode {
    case "": address.protection = isLocal(address) ? .none : .verified
    case "false", "disabled", "disable": address.protection = .none
    case "skip-verify", "required", "require", "preferred": address.protection = .encrypted
    // A name of its own stands for a configuration of golang-migrate's, made from x-tls-….
    default: address.protection = .verified
    }
  }

  /// Whether nothing goes over a network.
  private static func isLocal(_ address: MySQLAddress) -> Bool {
    switch address.place {
    case .socket: address.authorities == nil
    case .host(let host, _):
      address.authorities == nil
        && (host == "localhost" || host == "::1" || host.hasPrefix("127."))
    }
  }

  private static func split(
    _ text: Substring, atLast mark: Character
  ) -> (before: Substring?, after: Substring) {
    guard let place = text.lastIndex(of: mark) else { return (nil, text) }
    return (text[..<place], text[text.index(after: place)...])
  }

  private static func decoded(
    _ text: Substring, _ what: String
  ) throws(StepFailure) -> String {
    do throws(PercentText.Flaw) {
      return try PercentText.decoded(text)
    } catch .escape {
      throw wrong("a % in \(what) is not followed by two hexadecimal digits")
    } catch {
      throw wrong("\(what) is not UTF-8 or has a zero byte")
    }
  }

  private static func wrong(_ reason: String) -> StepFailure {
    StepFailure(
      code: "BadURL", disposition: .stop,
      message: "The MySQL URL can't be used: \(reason). Write it as"
        + " mysql://user:password@host:3306/database.")
  }
}
