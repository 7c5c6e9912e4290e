/// A MariaDB or MySQL database: `mysql://user:password@host:port/database?socket=/path`.
struct MySQLAddress: Sendable {
  var user: String?
  var password: String?
  /// Nil where only a socket is named.
  var host: String?
  /// Zero for the usual port.
  var port: UInt32 = 0
  var database: String
  /// A UNIX socket, which is used instead of host and port.
  var socket: String?

  /// Reads a URL.
  init(url: String) throws(StartupError) {
    let failure = StartupError(
      "beacon: BEACON_DB is no MySQL URL; "
        + "write mysql://user:password@host:3306/database or mysql://user@/database?socket=/path.")
    var rest = url.dropFirst("mysql://".count)
    guard url.hasPrefix("mysql://") else { throw failure }
    var parameters: Substring = ""
    if let mark = rest.firstIndex(of: "?") {
      parameters = rest[mark...].dropFirst()
      rest = rest[..<mark]
    }
    guard let slash = rest.lastIndex(of: "/") else { throw failure }
    database = PercentText.decoded(rest[slash...].dropFirst())
    guard !database.isEmpty else { throw failure }
    var place = rest[..<slash]
    if let at = place.lastIndex(of: "@") {
      let words = place[..<at].split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      user = PercentText.decoded(words[0])
      password = words.count == 2 ? PercentText.decoded(words[1]) : nil
      place = place[at...].dropFirst()
    }
    if let colon = place.lastIndex(of: ":"), !place.hasSuffix("]") {
      guard let number = UInt16(place[colon...].dropFirst()) else { throw failure }
      port = UInt32(number)
      place = place[..<colon]
    }
    // An IPv6 address stands in brackets.
    let name = place.drop { $0 == "[" }.prefix { $0 != "]" }
    host = name.isEmpty ? nil : PercentText.decoded(name)
    for parameter in parameters.split(separator: "&") where parameter.hasPrefix("socket=") {
      socket = PercentText.decoded(parameter.dropFirst("socket=".count))
    }
  }
}
