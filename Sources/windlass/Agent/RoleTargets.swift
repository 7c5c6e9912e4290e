import MariaDBDriver
import PostgresDriver
import WindlassCore
import WindlassSchema

/// A service's database as each role reaches it: the main URL, and those that stand for it in
/// single tasks.
struct RoleTargets {
  /// The service's own, whose form a rehearsed server's URL takes.
  let main: DatabaseTarget
  private let others: [DatabaseRole: DatabaseTarget]
  /// Whether all roles are known, so that each one's rights can be looked at.
  private let knowsAll: Bool

  /// One URL for all that the drivers are used for, which is not everything.
  init(_ main: DatabaseTarget) {
    self.main = main
    others = [:]
    knowsAll = false
  }

  /// The URLs of a configuration.
  ///
  /// - Parameter url: the main one.
  /// - Throws: `CommandFailure` with `.usage` for roles on an engine that has none, and for a URL
  ///   of another engine, database or ledger than the main one; no message holds a part of any.
  init(_ configuration: ServiceConfiguration, main url: Secret) throws {
    let database = configuration.database
    let target = { (url: Secret, role: DatabaseRole) throws in
      try DatabaseTarget(url, ledgerTable: nil).within(
        lockBudget: database.lockBudget, holdBudget: database.holdBudget,
        backfillShare: database.backfillShare
      ).acting(as: role)
    }
    main = try target(url, .main).watching(
      database.replicas.map { try $0.resolve() },
      from: "spec.database.replicas of \(configuration.name)")
    var others: [DatabaseRole: DatabaseTarget] = [:]
    for (role, source) in database.roles.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let other = try target(source.resolve(), role)
      guard let reason = main.whyNot(other) else {
        others[role] = other
        continue
      }
      throw CommandFailure(
        .usage, "BadConfiguration",
        "spec.\(role.field) of \(configuration.name) can't be used: \(reason).")
    }
    self.others = others
    knowsAll = true
  }

  // MARK: PostgreSQL and CockroachDB

  private func postgres(_ role: DatabaseRole) -> PostgresServiceOptions? {
    if case .postgres(let options) = others[role] { options } else { nil }
  }

  /// Where and as whom backups and copies are made.
  func postgresBackups(
    _ main: PostgresServiceOptions, directory: String, scratch: Secret?
  ) throws -> PostgresBackupOptions {
    var scratch = try scratch.map { try PostgresURL($0.reveal()) }
    scratch?.role = .scratch
    let url = postgres(.backup)?.url ?? main.url
    return PostgresBackupOptions(
      url: url, ledger: main.ledger, directory: directory, scratch: scratch, service: main.url)
  }

  /// The database for the steps of a run.
  func postgres(
    _ main: PostgresServiceOptions, _ backups: PostgresBackupOptions
  ) -> PostgresServiceOptions {
    var options = main
    options.url = postgres(.migrate)?.url ?? main.url
    options.probe = postgres(.probe)?.url
    options.backups = knowsAll ? backups : nil
    return options
  }

  // MARK: MySQL and MariaDB

  /// The database for the steps of a run, and for backups and copies.
  func mysql(
    _ main: MySQLServiceOptions
  ) -> (steps: MySQLServiceOptions, backups: MySQLServiceOptions) {
    let address = { (role: DatabaseRole) -> MySQLAddress? in
      if case .mysql(let options) = others[role] { options.address } else { nil }
    }
    var (steps, backups) = (main, main)
    steps.address = address(.migrate) ?? main.address
    steps.probe = address(.probe)
    backups.address = address(.backup) ?? main.address
    backups.service = main.address
    steps.backup = knowsAll ? backups.address : nil
    return (steps, backups)
  }
}

extension DatabaseTarget {
  /// The same database, whose errors name the field of the configuration that its URL is from.
  fileprivate func acting(as role: DatabaseRole) -> DatabaseTarget {
    switch self {
    case .sqlite: return self
    case .postgres(var options):
      options.url.role = role
      return .postgres(options)
    case .mysql(var options):
      options.address.role = role
      return .mysql(options)
    }
  }

  /// Why another URL can't stand for this one, as the rest of a sentence; nil where it can.
  fileprivate func whyNot(_ other: DatabaseTarget) -> String? {
    switch (self, other) {
    case (.sqlite, _):
      "SQLite has no users, and the daemon needs the rights of a file's owner; leave it out"
    case (.postgres(let here), .postgres(let there)) where here.url.dialect == there.url.dialect:
      if here.url.database != there.url.database {
        "its URL names another database than database.urlFrom does"
      } else if here.ledger != there.ledger {
        "its URL names another ledger than database.urlFrom does; give both the same"
          + " x-migrations-table"
      } else {
        nil
      }
    case (.mysql(let here), .mysql(let there)):
      if here.address.database != there.address.database {
        "its URL names another database than database.urlFrom does"
      } else if here.ledger != there.ledger {
        "its URL names another ledger than database.urlFrom does; give both the same"
          + " x-migrations-table"
      } else {
        nil
      }
    case (.postgres, _), (.mysql, _):
      "its URL is of another engine than database.urlFrom's"
    }
  }
}
