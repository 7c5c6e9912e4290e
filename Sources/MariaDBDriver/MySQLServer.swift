import WindlassCore

/// Which server it is, as far as behaviour differs.
struct MySQLServer: Hashable, Sendable {
  /// The server's own text, such as `10.11.6-MariaDB-0+deb12u1`.
  let version: String
  let isMariaDB: Bool
  /// The first two numbers of the version.
  let major: Int
  let minor: Int

  /// Reads the version's text.
  init(_ version: String) {
    self.version = version
    isMariaDB = version.holds("MariaDB")
    // MariaDB hides its number from old clients behind one of MySQL's.
    let text = version.hasPrefix("5.5.5-") ? version.dropFirst(6) : version[...]
    let numbers = text.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
    major = numbers.first ?? 0
    minor = numbers.count > 1 ? numbers[1] : 0
  }

  /// Whether the server is at least that version.
  func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
    (self.major, self.minor) >= (major, minor)
  }
}
