import MariaDBDriver
import PostgresDriver
import WindlassCore
import WindlassSchema

/// What the sidecars of one service share, in the service's database.
struct SidecarDatabase: Sendable {
  let dialect: CoordinationDialect
  private let makeSession: @Sendable () -> any DatabaseSession

  /// Finds the database; nothing is connected yet.
  ///
  /// - Throws: `CommandFailure` with `.usage` for an engine whose database several pods can't
  ///   share, or that this was not built for.
  init(_ configuration: ServiceConfiguration) throws {
    let source = configuration.database.roles[.migrate] ?? configuration.database.source
    let service = configuration.name
    switch try DatabaseTarget(source.resolve(), ledgerTable: nil) {
    case .sqlite:
      throw CommandFailure(
        .usage, "BadConfiguration",
        "\(service) has \(configuration.fleet.replicas) replicas and a database of SQLite, which "
          + "is a file of one machine: on a volume that several pods share its locks can't be "
          + "relied on. Write replicas: 1, or use PostgreSQL, MySQL or MariaDB.")
    case .postgres(let options):
      guard options.url.dialect == .postgres else {
        throw CommandFailure(
          .usage, "BadConfiguration",
          "\(service) has \(configuration.fleet.replicas) replicas and a database of CockroachDB, "
            + "in which sidecars of several replicas do not meet: write replicas: 1.")
      }
      dialect = .postgres
      makeSession = {
        PostgresSession(
          PostgresOptions(
            url: options.url, applicationName: "windlass/sidecar",
            lockDeadline: Bounds.slotLockDeadline))
      }
    case .mysql(var options):
      options.lockDeadline = Bounds.slotLockDeadline
      let chosen = options
      dialect = .mysql
      makeSession = { MySQLSession(chosen) }
    }
  }

  /// Lease and slots, over a session of their own.
  func coordination() -> any Coordination { DatabaseCoordination(makeSession(), dialect) }

  /// The journal of who leads with that lease, over a session of its own.
  func journal(under lease: Lease) async throws(StepFailure) -> DatabaseJournal {
    try await DatabaseJournal.open(makeSession(), dialect, under: lease)
  }
}
