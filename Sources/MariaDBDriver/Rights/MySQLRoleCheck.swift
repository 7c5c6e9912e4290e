import WindlassCore
import WindlassSchema

/// Looks before a run whether each role reaches the same server, and may do there what it will have
/// to.
struct MySQLRoleCheck {
  private let options: MySQLServiceOptions
  /// The session of the user that migrates.
  private let migrating: MySQLConnection

  init(_ options: MySQLServiceOptions, _ migrating: MySQLConnection) {
    self.options = options
    self.migrating = migrating
  }

  /// Checks every role that the options name.
  ///
  /// - Parameter bodies: the texts of the plan's migrations.
  func all(_ bodies: [String]) throws(StepFailure) {
    let rights = try MySQLRights(migrating)
    try rights.requireMigrating()
    for body in bodies { try rights.requireMigrating(body) }
    try rights.requireSeeingSessions()
    let ledger = options.ledger
    if options.probe != nil {
      let connection = try options.connectToRead("preflight")
      try requireSameServer(connection)
      let rights = try MySQLRights(connection)
      try rights.requireReading(MySQLOwnSchema(connection: connection, ledger: ledger).tables())
      try rights.requireSeeingSessions()
    }
    guard let backup = options.backup else { return }
    let connection = try options.acting(as: backup).connect("preflight")
    try requireSameServer(connection)
    let backing = try MySQLRights(connection)
    try backing.requireReadingAll()
    try backing.requireCopying(to: MySQLScratchDatabase(options: options).sample)
  }

  private func requireSameServer(_ connection: MySQLConnection) throws(StepFailure) {
    guard try connection.serverIdentity() != migrating.serverIdentity() else { return }
    let (other, mine) = (connection.address, migrating.address)
    throw StepFailure(
      code: "RoleElsewhere", disposition: .stop,
      message: "The \(other.whom) reaches another server at \(other.name) than the \(mine.whom) at"
        + " \(mine.name): every role must work on one database. Correct the URL.")
  }
}
