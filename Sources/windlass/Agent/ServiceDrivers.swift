import MariaDBDriver
import PostgresDriver
import ProcessFleet
import SQLiteDriver
import WindlassCore
import WindlassSchema

/// What of a service depends on the engine of its database.
struct ServiceDrivers {
  /// The engine's name in a manifest.
  let engine: String
  let database: any ServiceDatabase
  let backups: any BackupStore
  let scratch: any ScratchDatabases
  /// The files that no rehearsed server may touch.
  var productionFiles: [String] = []
  /// Sees which databases a rehearsed server uses that are no files.
  var watch: DatabaseWatch?

  /// Chooses the engine by the URL's scheme.
  ///
  /// - Parameters:
  ///   - folder: the service's folder in the state directory.
  ///   - locate: finds the unpacked migrations of an archive.
  init(
    _ configuration: ServiceConfiguration, url: Secret, folder: String,
    locate: @escaping MigrationLocator, now: @escaping @Sendable () -> Timestamp
  ) throws {
    let backups = configuration.backup.directory ?? folder + "/backups"
    switch try DatabaseTarget(url, ledgerTable: nil) {
    case .sqlite(var options):
      try ServiceDrivers.refuseScratchServer(
        configuration, "whose copies lie in the state directory")
      options.lockBudget = configuration.database.lockBudget
      options.holdBudget = configuration.database.holdBudget
      options.backupDirectory = backups
      engine = "sqlite"
      database = SQLiteServiceDatabase(options, locate: locate, now: now)
      self.backups = SQLiteBackupStore(options, directory: backups, now: now)
      scratch = SQLiteScratch(
        options, backups: backups, directory: folder + "/scratch", locate: locate, now: now)
      productionFiles = [options.path]
    case .postgres(var options):
      options.lockBudget = configuration.database.lockBudget
      options.holdBudget = configuration.database.holdBudget
      let archive = PostgresBackupOptions(
        url: options.url, ledger: options.ledger, directory: backups,
        scratch: try configuration.proof.scratch.map { source in
          try PostgresURL(source.resolve().reveal())
        })
      engine = "postgres"
      database = PostgresServiceDatabase(options, locate: locate, now: now)
      self.backups = PostgresBackupStore(archive, now: now)
      scratch = PostgresScratch(options, backups: archive, locate: locate, now: now)
      watch = ServiceDrivers.watch(archive)
    case .mysql(var options):
      try ServiceDrivers.refuseScratchServer(configuration, "whose copies are on its own server")
      options.lockBudget = configuration.database.lockBudget
      options.holdBudget = configuration.database.holdBudget
      engine = "mysql"
      database = MySQLServiceDatabase(options, locate: locate, now: now)
      self.backups = MySQLBackupStore(options, directory: backups, now: now)
      scratch = MySQLScratch(options, backups: backups, locate: locate, now: now)
      let sessions = MySQLSessionWatch(options)
      watch = { url throws(StepFailure) in
        let use = try await sessions.use(of: url)
        return DatabaseUse(scratch: use.scratch, production: use.production)
      }
    }
  }

  /// Sees which databases of PostgreSQL a rehearsed server uses.
  static func watch(_ options: PostgresBackupOptions) -> DatabaseWatch {
    let sessions = PostgresSessionWatch(options)
    return { url throws(StepFailure) in
      let use = try await sessions.use(of: url)
      return DatabaseUse(scratch: use.scratch, production: use.production)
    }
  }

  private static func refuseScratchServer(
    _ configuration: ServiceConfiguration, _ reason: String
  ) throws(CommandFailure) {
    guard configuration.proof.scratch != nil else { return }
    throw CommandFailure(
      .usage, "BadConfiguration",
      "proof.scratchURLFrom of \(configuration.name) names a scratch server for a database"
        + " \(reason). Leave it out; it is for PostgreSQL.")
  }
}
