import WindlassCore
import WindlassSchema

/// Looks before a run whether each other role reaches the same database, and may do there what it
/// will have to.
struct PostgresRoleCheck {
  private let options: PostgresServiceOptions
  /// The session of the user that migrates.
  private let migrating: PostgresConnection

  init(_ options: PostgresServiceOptions, _ migrating: PostgresConnection) {
    self.options = options
    self.migrating = migrating
  }

  /// Checks every role that the options name.
  func all() throws(StepFailure) {
    if options.probe != nil {
      let connection = try options.connectToRead(for: "preflight")
      let place = try samePlace(connection)
      let rights = try PostgresRights(connection)
      try rights.requireReading(place)
      try rights.requireSeeingSessions()
    }
    guard let backups = options.backups else { return }
    let connection = try PostgresConnection(
      ScratchServer.patient(backups.url, "windlass/preflight"))
    _ = try samePlace(connection)
    try PostgresRights(connection).requireReadingAll()
    try scratch(backups)
  }

  /// Fails for a role that would read another database or another ledger than is migrated.
  private func samePlace(_ connection: PostgresConnection) throws(StepFailure) -> LedgerPlace {
    let place = try options.ledger.located(on: connection)
    let here = try options.ledger.located(on: migrating)
    // A user without the right to know it gets an empty number.
    let systems = Set([connection, migrating].map(\.server.system).filter { !$0.isEmpty })
    guard place == here, systems.count < 2 else {
      throw StepFailure(
        code: "RoleElsewhere", disposition: .stop,
        message: "The \(connection.whom) reaches schema \(place.schema) of \(connection.place), and"
          + " the \(migrating.whom) reaches schema \(here.schema) of \(migrating.place), which is"
          + " not the same: every role must work on one ledger. Correct the URL, its search_path"
          + " or that of the user.")
    }
    return place
  }

  /// Whether copies can be made, and whoever is given one stays out of the database itself.
  private func scratch(_ backups: PostgresBackupOptions) throws(StepFailure) {
    let server = ScratchServer(url: backups.scratch ?? backups.url, owner: "")
    let (system, user) = try server.withMaintenance { connection throws(StepFailure) in
      try PostgresRights(connection).requireMakingDatabases()
      return (
        connection.server.system, try connection.scalar("SELECT session_user::text").text ?? ""
      )
    }
    guard backups.scratch != nil, system == migrating.server.system, !system.isEmpty else { return }
    let reachesDatabase = try migrating.scalar(
      """
      SELECT count(*) > 0 FROM pg_catalog.pg_roles r WHERE r.rolname = $1
        AND pg_catalog.has_database_privilege(r.oid, current_database(), 'CONNECT')
      """, [.text(user)])
    guard reachesDatabase == .integer(1) else { return }
    let database = migrating.server.database.nameInStatements
    throw StepFailure(
      code: "ScratchNotContained", disposition: .stop,
      message: "The user \(user) of `\(DatabaseRole.scratch.field)`, as whom rehearsed servers"
        + " work on their copies, may connect to \(migrating.place) itself. Run `REVOKE CONNECT ON"
        + " DATABASE \(database) FROM PUBLIC, \(user.nameInStatements);` there after granting it to"
        + " those who need it; a superuser can't be kept out, and must not be named.")
  }
}
