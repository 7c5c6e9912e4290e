package import WindlassCore
import WindlassWire

/// A service's database.
package struct DatabaseSpec: DocumentPart, Hashable {
  /// The table that tells which migrations were applied.
  package enum Ledger: String, DocumentChoice {
    case golangMigrate = "golang-migrate"
    case alembic, dbmate, django, flyway, goose, command
  }

  /// Whose SQL it speaks; a manifest lists migrations and windows by it.
  package enum Engine: String, DocumentChoice { case sqlite, postgres, mysql, cockroachdb }

  package var urlFrom = URLSourceSpec()
  package var engine: Engine?
  package var inject: InjectionSpec?
  package var ledger = Ledger.golangMigrate
  package var lockBudget = Interval.milliseconds(100)
  package var holdBudget = Interval.seconds(1)
  package var backfillShare: Int64 = 50
  package var roles: RolesSpec?
  package var replicas: [ReplicaSpec]?

  package init() {}

  package static var fields: [DocumentField<DatabaseSpec>] {
    [
      DocumentField(
        "urlFrom", \.urlFrom, "Where the database's URL is; the URL itself does not belong here."),
      DocumentField(
        "engine", \.engine,
        "Whose SQL the database speaks; needed in a cluster, where the daemon does not see the URL."
      ),
      DocumentField(
        "inject", \.inject,
        "How an instance is told its database, so that a rehearsal can point one at a copy."),
      DocumentField(
        "ledger", \.ledger, "The table that tells which migrations were applied.",
        default: "golang-migrate"),
      DocumentField(
        "lockBudget", \.lockBudget,
        "The longest wait for a lock that blocks others, per attempt, from 1ms to 10m.",
        default: "100ms"),
      DocumentField(
        "holdBudget", \.holdBudget, "The longest hold of such a lock, from 1ms to 10m.",
        default: "1s"),
      DocumentField(
        "backfillShare", \.backfillShare,
        "The share of the time that a backfill works, in percent.", default: 50, .range(1...100)),
      DocumentField("roles", \.roles, "Other URLs for single tasks; the main one where absent."),
      DocumentField(
        "replicas", \.replicas,
        "On MySQL and MariaDB: the replicas that backfills wait for, which a primary can't list.",
        .count(1...8)),
    ]
  }
}

/// Where a database's URL is.
package struct URLSourceSpec: DocumentPart, Hashable {
  package var env: String?
  package var file: String?
  package var secretKeyRef: SecretKeySpec?

  package init() {}

  package static var fields: [DocumentField<URLSourceSpec>] {
    [
      DocumentField(
        "env", \.env, "A variable of the daemon's environment.", .length(1...256),
        .pattern(Patterns.variable)),
      DocumentField(
        "file", \.file, "A file whose first line is the URL.", .length(1...4_095),
        .pattern(Patterns.absolutePath)),
      DocumentField("secretKeyRef", \.secretKeyRef, "A key of a Secret of the same namespace."),
    ]
  }

  package static var rules: [SchemaRule] { [.exactlyOne(of: "env", "file", "secretKeyRef")] }
}

/// A key of a Secret.
package struct SecretKeySpec: DocumentPart, Hashable {
  package var name = ""
  package var key = ""

  package init() {}

  package static var fields: [DocumentField<SecretKeySpec>] {
    [
      DocumentField(
        "name", \.name, "The Secret's name.", .length(1...253), .pattern(Patterns.dottedName)),
      DocumentField("key", \.key, "The key in it.", .length(1...253), .pattern(Patterns.word)),
    ]
  }
}

/// How an instance is told its database.
package struct InjectionSpec: DocumentPart, Hashable {
  /// What the variable holds.
  package enum Format: String, DocumentChoice { case url }

  package var env = ""
  package var format = Format.url

  package init() {}

  package static var fields: [DocumentField<InjectionSpec>] {
    [
      DocumentField(
        "env", \.env, "The variable in which an instance gets its database's URL.",
        .length(1...256), .pattern(Patterns.variable)),
      DocumentField("format", \.format, "What the variable holds.", default: "url"),
    ]
  }
}

/// Other URLs for single tasks.
package struct RolesSpec: DocumentPart, Hashable {
  package var backup: RoleSpec?
  package var migrate: RoleSpec?
  package var probe: RoleSpec?

  package init() {}

  package static var fields: [DocumentField<RolesSpec>] {
    [
      DocumentField("backup", \.backup, "Reads everything."),
      DocumentField("migrate", \.migrate, "Changes the schema."),
      DocumentField("probe", \.probe, "Reads the catalogue and the ledger."),
    ]
  }
}

/// One role's URL.
package struct RoleSpec: DocumentPart, Hashable {
  package var urlFrom = URLSourceSpec()

  package init() {}

  package static var fields: [DocumentField<RoleSpec>] {
    [DocumentField("urlFrom", \.urlFrom, "Where this role's URL is.")]
  }
}

/// A server that replicates from the database's primary.
package struct ReplicaSpec: DocumentPart, Hashable {
  package var urlFrom = URLSourceSpec()

  package init() {}

  package static var fields: [DocumentField<ReplicaSpec>] {
    [
      DocumentField(
        "urlFrom", \.urlFrom,
        "Where the replica's URL is; its user may ask how far the replica is behind.")
    ]
  }
}

/// Who runs the migrations.
package struct MigrationsSpec: DocumentPart, Hashable {
  package var engine: EngineSpec?
  package var command: [String]?

  package init() {}

  package static var fields: [DocumentField<MigrationsSpec>] {
    [
      DocumentField("engine", \.engine, "Windlass runs the manifest's migrations."),
      DocumentField(
        "command", \.command, "The service's own migrate command, as a job.", .count(1...256),
        .each([.length(1...4_096)])),
    ]
  }

  package static var rules: [SchemaRule] { [.exactlyOne(of: "engine", "command")] }
}

/// Windlass's own engine; there is nothing to choose.
package struct EngineSpec: DocumentPart, Hashable {
  package init() {}
  package static var fields: [DocumentField<EngineSpec>] { [] }
}

/// Where verified backups go.
package struct BackupSpec: DocumentPart, Hashable {
  package var directory: String?
  package var keep: Int64 = 5
  package var volumeClaim: String?

  package init() {}

  package static var fields: [DocumentField<BackupSpec>] {
    [
      DocumentField(
        "directory", \.directory, "A folder of this machine, or of the claim's volume.",
        .length(1...4_095), .pattern(Patterns.absolutePath)),
      DocumentField("keep", \.keep, "Backups kept.", default: 5, .range(1...1_000)),
      DocumentField(
        "volumeClaim", \.volumeClaim, "In a cluster: the claim that holds backups and evidence.",
        .length(1...253), .pattern(Patterns.dottedName)),
    ]
  }
}

/// How a release is proven before it is trusted.
package struct ProofSpec: DocumentPart, Hashable {
  /// How much is shown.
  package enum Requirement: String, DocumentChoice { case rehearsal, queries, structure }
  /// What a rehearsed artifact is kept from.
  package enum Isolation: String, DocumentChoice { case network, none }

  package var require = Requirement.rehearsal
  package var scratchURLFrom: URLSourceSpec?
  package var env: [String: String] = [:]
  package var isolation = Isolation.network

  package init() {}

  package static var fields: [DocumentField<ProofSpec>] {
    [
      DocumentField(
        "require", \.require,
        "How much must be shown; less than a rehearsal switches automatic roll-back off.",
        default: "rehearsal"),
      DocumentField(
        "scratchURLFrom", \.scratchURLFrom,
        "The server for scratch databases; without it that of the database."),
      DocumentField(
        "env", \.env, "Variables of a rehearsed artifact, over its usual ones.",
        default: .object([]), .membersMax(128), .each([.length(0...32_768)])),
      DocumentField(
        "isolation", \.isolation, "What a rehearsed artifact is kept from.", default: "network"),
    ]
  }
}
