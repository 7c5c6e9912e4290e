import WindlassCore
import WindlassSchema

/// The user by whom a rehearsed server reaches its copy: it may use that database and no other, so
/// that whatever the server does stays in the copy, and its sessions are known by their user.
struct MySQLScratchRole {
  /// The user's name.
  let user: String
  let password: Secret

  /// Makes the role for a copy, in place of a leftover.
  ///
  /// - Throws: `AccessDenied` without the rights CREATE USER and GRANT OPTION.
  static func make(
    _ user: String, for database: String, on connection: MySQLConnection
  ) throws(StepFailure) -> MySQLScratchRole {
    var generator = SystemRandomNumberGenerator()
    let password = (0..<4).map { _ in String(generator.next() as UInt64, radix: 36) }.joined()
    // In a grant these are wildcards, which would reach other databases.
    let name = database.map { $0 == "_" || $0 == "%" ? "\\\($0)" : String($0) }.joined()
    do throws(StepFailure) {
      try drop(user, on: connection)
      // A user without a name on this host would come before one for any host.
      for host in ["%", "localhost"] {
        try connection.run("CREATE USER '\(user)'@'\(host)' IDENTIFIED BY '\(password)'")
        try connection.run(
          "GRANT ALL PRIVILEGES ON \(MySQLText.quoted(name)).* TO '\(user)'@'\(host)'")
      }
    } catch {
      guard error.code == "AccessDenied" else { throw error }
      throw StepFailure(
        code: "AccessDenied", disposition: .stop,
        message: "\(error.message) A rehearsed server gets a user of its own, who can reach nothing"
          + " but the copy. Give Windlass's user CREATE USER, and its rights WITH GRANT OPTION.")
    }
    return MySQLScratchRole(user: user, password: Secret(password))
  }

  /// Removes a role; one that is not there is no error.
  static func drop(_ user: String, on connection: MySQLConnection) throws(StepFailure) {
    for host in ["%", "localhost"] {
      try connection.run("DROP USER IF EXISTS '\(user)'@'\(host)'")
    }
  }
}
