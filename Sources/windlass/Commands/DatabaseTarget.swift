import MariaDBDriver
import PostgresDriver
import SQLiteDriver
import WindlassCore
import WindlassSchema

/// A service's database as the driver of its engine takes it.
enum DatabaseTarget {
  case sqlite(SQLiteServiceOptions)
  case postgres(PostgresServiceOptions)
  case mysql(MySQLServiceOptions)

  /// Chooses the engine by the URL's scheme.
  ///
  /// - Parameter ledgerTable: the ledger's table; nil for the one that the URL or the engine says.
  init(_ url: Secret, ledgerTable: String?) throws {
    let text = url.reveal()
    switch String(text.prefix { $0 != ":" }) {
    case "postgres", "postgresql", "cockroachdb":
      let url = try PostgresURL(text)
      var ledger = try PostgresLedger(url)
      if let ledgerTable { ledger.table = ledgerTable }
      self = .postgres(try PostgresServiceOptions(url: url, ledger: ledger))
    case "mysql", "mariadb":
      self = .mysql(try Self.mysql(url, ledgerTable: ledgerTable))
    default:
      guard let ledger = SQLiteLedger(table: ledgerTable ?? SQLiteLedger.defaultTable) else {
        throw CommandFailure(
          .usage, "BadArgument",
          "\"\(ledgerTable ?? "")\" can't be a ledger's table: use letters, digits and `_`, and no"
            + " digit at the beginning.")
      }
      self = .sqlite(SQLiteServiceOptions(path: try SQLiteURL.path(of: text), ledger: ledger))
    }
  }

  private static func mysql(
    _ url: Secret, ledgerTable: String?
  ) throws -> MySQLServiceOptions {
    let address = try MySQLURL.address(of: url)
    let table = ledgerTable ?? address.ledgerTable ?? MySQLLedger.defaultTable
    guard let ledger = MySQLLedger(table: table) else {
      throw CommandFailure(
        .usage, "BadArgument",
        "\"\(table)\" can't be a ledger's table: it is empty, longer than 64 characters or has a"
          + " back quote.")
    }
    return MySQLServiceOptions(address: address, ledger: ledger)
  }

  /// The database's name for a person; no secrets.
  var place: String {
    switch self {
    case .sqlite(let options): options.path
    case .postgres(let options): options.url.place
    case .mysql(let options): options.address.name
    }
  }

  /// The backups of the database in a directory.
  func backups(
    in directory: String, now: @escaping @Sendable () -> Timestamp
  ) -> any BackupArchive {
    switch self {
    case .sqlite(let options):
      return SQLiteBackupStore(options, directory: directory, now: now)
    case .postgres(let options):
      let archive = PostgresBackupOptions(
        url: options.url, ledger: options.ledger, directory: directory)
      return options.url.dialect == .cockroachdb
        ? CockroachBackupStore(archive, now: now) : PostgresBackupStore(archive, now: now)
    case .mysql(let options):
      return MySQLBackupStore(options, directory: directory, now: now)
    }
  }

  /// The same database with these limits.
  func limited(by limits: LockLimits) -> DatabaseTarget {
    switch self {
    case .sqlite(var options):
      options.lockBudget = limits.lockBudget
      options.holdBudget = limits.holdBudget
      options.lockDeadline = limits.lockDeadline
      options.backfillShare = limits.backfillShare
      return .sqlite(options)
    case .postgres(var options):
      options.lockBudget = limits.lockBudget
      options.holdBudget = limits.holdBudget
      options.lockDeadline = limits.lockDeadline
      options.backfillShare = limits.backfillShare
      return .postgres(options)
    case .mysql(var options):
      options.lockBudget = limits.lockBudget
      options.holdBudget = limits.holdBudget
      options.lockDeadline = limits.lockDeadline
      options.backfillShare = limits.backfillShare
      return .mysql(options)
    }
  }

  /// The same database with these two limits.
  func within(
    lockBudget: Interval, holdBudget: Interval,
    backfillShare: Int = Bounds.backfillShareDefault
  ) -> DatabaseTarget {
    switch self {
    case .sqlite(var options):
      (options.lockBudget, options.holdBudget) = (lockBudget, holdBudget)
      options.backfillShare = backfillShare
      return .sqlite(options)
    case .postgres(var options):
      (options.lockBudget, options.holdBudget) = (lockBudget, holdBudget)
      options.backfillShare = backfillShare
      return .postgres(options)
    case .mysql(var options):
      (options.lockBudget, options.holdBudget) = (lockBudget, holdBudget)
      options.backfillShare = backfillShare
      return .mysql(options)
    }
  }

  /// The same database, whose backfills wait for these replicas.
  ///
  /// - Parameters:
  ///   - replicas: their URLs, in the order in which they are told.
  ///   - name: where the URLs were named, such as `--replica`.
  /// - Throws: `CommandFailure` with `.usage` for an engine whose replicas are not named, and for a
  ///   URL that can't be read; no message holds a part of any.
  func watching(_ replicas: [Secret], from name: String) throws -> DatabaseTarget {
    guard !replicas.isEmpty else { return self }
    func unusable(_ reason: String) -> CommandFailure {
      CommandFailure(.usage, "BadReplica", "\(name) can't be used: \(reason)")
    }
    switch self {
    case .sqlite: throw unusable("SQLite has no replicas. Leave it out.")
    case .postgres:
      throw unusable(
        "a server of this engine tells itself how far its replicas are behind, or hides it. Leave"
          + " it out; it is for MySQL and MariaDB.")
    case .mysql(var options):
      guard replicas.count <= MySQLServiceOptions.replicasMax else {
        throw unusable(
          "it names \(replicas.count) replicas, and \(MySQLServiceOptions.replicasMax) are the"
            + " most. Name those that fall behind first.")
      }
      for url in replicas {
        do throws(StepFailure) {
          options.replicas.append(try MySQLURL.address(of: url))
        } catch {
          throw unusable(error.message)
        }
      }
      return .mysql(options)
    }
  }

  /// Why copies of the database can't be on another server, as the end of a sentence; nil where
  /// they can.
  var whyNoScratchServer: String? {
    switch self {
    case .sqlite: "whose copies lie in the state directory"
    case .postgres: nil
    case .mysql: "whose copies are on its own server"
    }
  }

  /// The same database with foreign keys enforced or not, where the engine leaves the choice.
  func enforcing(foreignKeys: Bool) -> DatabaseTarget {
    guard case .sqlite(var options) = self else { return self }
    options.enforcesForeignKeys = foreignKeys
    return .sqlite(options)
  }

  /// The migration engine by itself.
  ///
  /// - Parameter executor: where it works; nil for a thread of its own.
  func migrator(
    on executor: BlockingExecutor? = nil, now: @escaping @Sendable () -> Timestamp
  ) -> any MigrationEngine {
    switch self {
    case .sqlite(let options): SQLiteMigrator(options, on: executor, now: now)
    case .postgres(let options): PostgresMigrator(options, on: executor, now: now)
    case .mysql(let options): MySQLMigrator(options, on: executor, now: now)
    }
  }

  /// Asks the database's server what it was asked.
  func queryRecorder() throws(CommandFailure) -> any QueryRecorder {
    switch self {
    case .sqlite(let options):
      throw CommandFailure(
        .failed, "QueriesNotCounted",
        "\(options.path) is a SQLite database, which has no server that could be asked. Write the"
          + " file by hand, or from what the service's own tests ask; docs/rehearsal.md shows what"
          + " it holds.")
    case .postgres(let options): return PostgresQueryRecorder(options)
    case .mysql(let options): return MySQLQueryRecorder(options)
    }
  }

  /// The database for readings alone; it finds no migrations.
  func reader(now: @escaping @Sendable () -> Timestamp) -> any ServiceDatabase {
    let locate: MigrationLocator = { (_) throws(StepFailure) in nil }
    return switch self {
    case .sqlite(let options): SQLiteServiceDatabase(options, locate: locate, now: now)
    case .postgres(let options): PostgresServiceDatabase(options, locate: locate, now: now)
    case .mysql(let options): MySQLServiceDatabase(options, locate: locate, now: now)
    }
  }
}
