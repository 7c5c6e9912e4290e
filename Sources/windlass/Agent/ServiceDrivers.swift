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
  let scratch: any RehearsalDatabases
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
    let roles = try RoleTargets(configuration, main: url)
    let scratch = try configuration.proof.scratch?.resolve()
    if scratch != nil, let reason = roles.main.whyNoScratchServer {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "proof.scratchURLFrom of \(configuration.name) names a scratch server for a database"
          + " \(reason). Leave it out; it is for PostgreSQL.")
    }
    try self.init(
      roles, backups: configuration.backup.directory ?? folder + "/backups", folder: folder,
      scratch: scratch, locate: locate, now: now)
    if let wanted = configuration.database.engine, wanted.rawValue != engine {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "database.engine of \(configuration.name) is \(wanted.rawValue), and its URL leads to"
          + " \(engine). Correct one of the two, or leave the engine out.")
    }
  }

  /// Takes the drivers of the engine.
  ///
  /// - Parameters:
  ///   - roles: the database as each role reaches it.
  ///   - backups: the directory of the backups.
  ///   - folder: where copies lie that are files.
  ///   - scratch: the URL of the server for copies; nil for the database's own.
  ///   - locate: finds the unpacked migrations of an archive.
  init(
    _ roles: RoleTargets, backups: String, folder: String, scratch: Secret? = nil,
    locate: @escaping MigrationLocator, now: @escaping @Sendable () -> Timestamp
  ) throws {
    switch roles.main {
    case .sqlite(var options):
      options.backupDirectory = backups
      engine = "sqlite"
      database = SQLiteServiceDatabase(options, locate: locate, now: now)
      self.backups = SQLiteBackupStore(options, directory: backups, now: now)
      self.scratch = SQLiteScratch(
        options, backups: backups, directory: folder + "/scratch", locate: locate, now: now)
      productionFiles = [options.path]
    case .postgres(let options):
      let archive = try roles.postgresBackups(options, directory: backups, scratch: scratch)
      let options = roles.postgres(options, archive)
      engine = options.url.dialect.engine
      database = PostgresServiceDatabase(options, locate: locate, now: now)
      switch options.url.dialect {
      case .postgres:
        self.backups = PostgresBackupStore(archive, now: now)
        self.scratch = PostgresScratch(options, backups: archive, locate: locate, now: now)
      case .cockroachdb:
        self.backups = CockroachBackupStore(archive, now: now)
        self.scratch = CockroachScratch(options, backups: archive, locate: locate, now: now)
      }
      watch = ServiceDrivers.watch(archive, as: options.probe)
    case .mysql(let options):
      let (options, archive) = roles.mysql(options)
      engine = "mysql"
      database = MySQLServiceDatabase(options, locate: locate, now: now)
      self.backups = MySQLBackupStore(archive, directory: backups, now: now)
      self.scratch = MySQLScratch(archive, backups: backups, locate: locate, now: now)
      let sessions = MySQLSessionWatch(options)
      watch = { url throws(StepFailure) in
        let use = try await sessions.use(of: url)
        return DatabaseUse(scratch: use.scratch, production: use.production)
      }
    }
  }

  /// Sees which databases of PostgreSQL a rehearsed server uses.
  static func watch(
    _ options: PostgresBackupOptions, as probe: PostgresURL? = nil
  ) -> DatabaseWatch {
    let sessions = PostgresSessionWatch(options, as: probe)
    return { url throws(StepFailure) in
      let use = try await sessions.use(of: url)
      return DatabaseUse(scratch: use.scratch, production: use.production)
    }
  }
}
