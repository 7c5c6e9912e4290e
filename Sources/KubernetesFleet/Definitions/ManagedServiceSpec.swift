package import WindlassCore
import WindlassWire

/// What a person wishes for one service and its database.
package struct ManagedServiceSpec: DocumentPart, Hashable {
  package var source = SourceSpec()
  package var database = DatabaseSpec()
  package var migrations = MigrationsSpec()
  package var backup = BackupSpec()
  package var proof = ProofSpec()
  package var fleet = FleetSpec()
  package var rollout = RolloutSpec()
  package var policy = PolicySpec()
  package var windows: [WindowSpec]?

  package init() {}

  package static var fields: [DocumentField<ManagedServiceSpec>] {
    [
      DocumentField("source", \.source, "Where the releases come from."),
      DocumentField("database", \.database, "The service's database."),
      DocumentField(
        "migrations", \.migrations, "Who runs the migrations.", default: ["engine": .object([])]),
      DocumentField("backup", \.backup, "Where verified backups go.", default: .object([])),
      DocumentField(
        "proof", \.proof, "How a release is proven before it is trusted.", default: .object([])),
      DocumentField("fleet", \.fleet, "What runs the service."),
      DocumentField("rollout", \.rollout, "How instances are replaced.", default: .object([])),
      DocumentField("policy", \.policy, "When runs may start.", default: .object([])),
      DocumentField(
        "windows", \.windows,
        "The schema windows of releases from a source without a manifest.",
        .count(0...1_000), .keyed(["version"])),
    ]
  }

  private static let inPlace = "(has(self.fleet.statefulSet) || has(self.fleet.daemonSet))"
  private static let workload = "(has(self.fleet.deployment) || \(inPlace))"

  private static func has(_ field: String) -> String {
    "has(self.rollout) && has(self.rollout.\(field))"
  }

  /// In a cluster a role's URL comes from a Secret.
  private static func secret(_ roles: String, _ role: String, _ field: String) -> SchemaRule {
    SchemaRule(
      "!\(workload) || !has(\(roles)) || !has(\(roles).\(role)) "
        + "|| has(\(roles).\(role).urlFrom.secretKeyRef)",
      "is required in a cluster: steps read the role's URL from a Secret",
      field: "\(field).secretKeyRef", reason: "FieldValueRequired")
  }

  package static var rules: [SchemaRule] {
    [
      SchemaRule(
        "!\(inPlace) || !(\(has("maxUnavailable"))) || self.rollout.maxUnavailable >= 1",
        "must be at least 1 for a StatefulSet or DaemonSet, whose pods are replaced in their place",
        field: ".rollout.maxUnavailable"),
      SchemaRule(
        "!\(inPlace) || !(\(has("maxSurge"))) || self.rollout.maxSurge == 0",
        "must be 0 for a StatefulSet or DaemonSet, which have no pods besides their own",
        field: ".rollout.maxSurge"),
      SchemaRule(
        "!has(self.fleet.deployment) || !(\(has("maxUnavailable"))) "
          + "|| self.rollout.maxUnavailable == 0",
        "must be 0 for a Deployment, which gets new pods before it loses old ones",
        field: ".rollout.maxUnavailable"),
      SchemaRule(
        "!has(self.fleet.deployment) || !(\(has("maxSurge"))) || self.rollout.maxSurge >= 1",
        "must be at least 1 for a Deployment, or nothing could ever be replaced",
        field: ".rollout.maxSurge"),
      SchemaRule(
        "!has(self.fleet.processes) || !(\(has("maxSurge"))) || self.rollout.maxSurge >= 1 "
          + "|| (has(self.rollout.maxUnavailable) && self.rollout.maxUnavailable >= 1)",
        "must be at least 1 where maxUnavailable is 0, or nothing could ever be replaced",
        field: ".rollout.maxSurge"),
      SchemaRule(
        "!has(self.fleet.processes) || !has(self.fleet.processes.replicas) "
          + "|| !(\(has("canary"))) || self.rollout.canary <= self.fleet.processes.replicas",
        "must not be more than the replicas", field: ".rollout.canary"),
      SchemaRule(
        "!has(self.fleet.processes) || !has(self.fleet.processes.replicas) "
          + "|| !(\(has("maxUnavailable"))) "
          + "|| self.rollout.maxUnavailable < self.fleet.processes.replicas",
        "must be less than the replicas: all of them at once would be downtime",
        field: ".rollout.maxUnavailable"),
      SchemaRule(
        "!\(workload) || (has(self.backup) && has(self.backup.volumeClaim))",
        "is required in a cluster: backups and evidence outlive the pods that write them",
        field: ".backup.volumeClaim", reason: "FieldValueRequired"),
      SchemaRule(
        "!\(workload) || has(self.database.urlFrom.secretKeyRef)",
        "is required in a cluster: steps read the database's URL from a Secret",
        field: ".database.urlFrom.secretKeyRef", reason: "FieldValueRequired"),
      secret("self.database.roles", "backup", ".database.roles.backup.urlFrom"),
      secret("self.database.roles", "migrate", ".database.roles.migrate.urlFrom"),
      secret("self.database.roles", "probe", ".database.roles.probe.urlFrom"),
      SchemaRule(
        "!\(workload) || !has(self.proof) || !has(self.proof.scratchURLFrom) "
          + "|| has(self.proof.scratchURLFrom.secretKeyRef)",
        "is required in a cluster: steps read the scratch server's URL from a Secret",
        field: ".proof.scratchURLFrom.secretKeyRef", reason: "FieldValueRequired"),
      SchemaRule(
        "!\(workload) || has(self.database.engine)",
        "is required in a cluster: the daemon does not see the database's URL",
        field: ".database.engine", reason: "FieldValueRequired"),
    ]
  }
}

/// Where releases come from.
package struct SourceSpec: DocumentPart, Hashable {
  package var manifest: ManifestSpec?
  package var github: GitHubSpec?
  package var channel = "stable"
  package var versions = "*"
  package var minimumAge = Interval.zero

  package init() {}

  package static var fields: [DocumentField<SourceSpec>] {
    [
      DocumentField("manifest", \.manifest, "A signed release manifest."),
      DocumentField("github", \.github, "The releases of a GitHub repository."),
      DocumentField(
        "channel", \.channel, "The channel whose releases are taken.", default: "stable",
        .length(1...63), .pattern(Patterns.word)),
      DocumentField(
        "versions", \.versions, "The versions that may become the target, such as >=1.0.0 <2.0.0.",
        default: "*", .length(1...256)),
      DocumentField(
        "minimumAge", \.minimumAge, "How long a release must have been published.", default: "0s"),
    ]
  }

  package static var rules: [SchemaRule] { [.exactlyOne(of: "manifest", "github")] }
}

/// A signed release manifest.
package struct ManifestSpec: DocumentPart, Hashable {
  package var url = ""
  package var service = ""
  package var interval = Interval.minutes(1)
  package var publicKeys: [String] = []

  package init() {}

  package static var fields: [DocumentField<ManifestSpec>] {
    [
      DocumentField(
        "url", \.url,
        "The manifest, by https, http or file; its signature is the same URL and .minisig.",
        .length(1...2_048), .pattern(Patterns.manifestURL)),
      DocumentField(
        "service", \.service, "The name that the manifest must carry.", .length(1...63),
        .pattern(Patterns.word)),
      DocumentField(
        "interval", \.interval, "The pause between two polls, from 1s.", default: "1m"),
      DocumentField(
        "publicKeys", \.publicKeys, "Minisign public keys; one of them must have signed.",
        .count(1...16), .each([.length(56...56), .pattern(Patterns.publicKey)])),
    ]
  }
}

/// The releases of a GitHub repository.
package struct GitHubSpec: DocumentPart, Hashable {
  package var repository = ""

  package init() {}

  package static var fields: [DocumentField<GitHubSpec>] {
    [
      DocumentField(
        "repository", \.repository, "OWNER/NAME.", .length(3...141),
        .pattern("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$"))
    ]
  }
}

/// The schema versions that a release works with.
package struct WindowSpec: DocumentPart, Hashable {
  package var version = ""
  package var min: Int64 = 0
  package var max: Int64 = 0

  package init() {}

  package static var fields: [DocumentField<WindowSpec>] {
    [
      DocumentField(
        "version", \.version, "The release's version.", .length(5...256)),
      DocumentField("min", \.min, "The lowest schema version.", .range(0...Int64.max)),
      DocumentField("max", \.max, "The highest schema version.", .range(0...Int64.max)),
    ]
  }

  package static var rules: [SchemaRule] {
    [SchemaRule("self.min <= self.max", "must not be less than min", field: ".max")]
  }
}
