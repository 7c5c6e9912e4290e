/// A migration file that this program carries, so that the demo needs no source tree.
struct EmbeddedMigration: Hashable, Sendable {
  /// Such as `1_flags.up.sql`.
  var name: String
  var text: String

  /// The number in front of its name.
  var version: Int64 { Int64(name.prefix { $0 != "_" }) ?? 0 }
}

/// An engine that Beacon runs on, by the name that manifests and directories have for it.
enum DemoEngine: String, CaseIterable, Sendable {
  case sqlite, postgres, mysql, cockroachdb
}

/// The migrations of Beacon, equal to the files under `Migrations/`, which a test compares.
enum EmbeddedMigrations {
  /// `Migrations/beacon/ENGINE`.
  static func honest(_ engine: DemoEngine) -> [EmbeddedMigration] {
    switch engine {
    case .sqlite: honestOnSQLite
    case .postgres: honestOnPostgres
    case .mysql: honestOnMySQL
    case .cockroachdb: honestOnCockroachDB
    }
  }

  /// `Migrations/beacon-reckless/ENGINE`; the first two files are those of the honest one.
  static func reckless(_ engine: DemoEngine) -> [EmbeddedMigration] {
    honest(engine).prefix(2)
      + {
        switch engine {
        case .sqlite: recklessOnSQLite
        case .postgres: recklessOnPostgres
        case .mysql: recklessOnMySQL
        case .cockroachdb: recklessOnCockroachDB
        }
      }()
  }
}
