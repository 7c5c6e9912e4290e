import WindlassWire

/// Wishes that break what a definition says of several fields together, by the rule that each
/// breaks.
struct BrokenRules {
  /// The usual wish, on a Deployment.
  let base: JSONValue

  /// Edits of the usual wish, under a fleet.
  private struct Breach {
    var rule: String
    var field: String
    var path: String
    var value: JSONValue?
    /// The section of the fleet that the rule is about, staged first.
    var fleet = "spec.fleet.deployment"
  }

  private static let breaches: [Breach] = [
    Breach(
      rule: "write exactly one of manifest, github", field: "spec.source",
      path: "spec.source.manifest"),
    Breach(
      rule: "write exactly one of manifest, github", field: "spec.source",
      path: "spec.source.github", value: ["repository": "a/b"]),
    Breach(
      rule: "write exactly one of env, file, secretKeyRef", field: "spec.database.urlFrom",
      path: "spec.database.urlFrom", value: [:]),
    Breach(
      rule: "write exactly one of env, file, secretKeyRef", field: "spec.database.urlFrom",
      path: "spec.database.urlFrom.env", value: "URL"),
    Breach(
      rule: "write exactly one of engine, command", field: "spec.migrations",
      path: "spec.migrations", value: [:]),
    Breach(
      rule: "write exactly one of engine, command", field: "spec.migrations",
      path: "spec.migrations", value: ["engine": [:], "command": ["x"]]),
    Breach(
      rule: "write exactly one of processes, deployment, statefulSet, daemonSet, signal",
      field: "spec.fleet", path: "spec.fleet", value: [:]),
    Breach(
      rule: "write exactly one of processes, deployment, statefulSet, daemonSet, signal",
      field: "spec.fleet", path: "spec.fleet.signal",
      value: ["webhook": ["url": "http://x/"]]),
    Breach(
      rule: "must hold {version}", field: "spec.fleet.deployment.image",
      path: "spec.fleet.deployment.image", value: "web:latest"),
    Breach(
      rule: "must be at least 1 for a StatefulSet or DaemonSet, whose pods are replaced in their"
        + " place",
      field: "spec.rollout.maxUnavailable", path: "spec.rollout.maxUnavailable", value: 0,
      fleet: "spec.fleet.statefulSet"),
    Breach(
      rule: "must be 0 for a StatefulSet or DaemonSet, which have no pods besides their own",
      field: "spec.rollout.maxSurge", path: "spec.rollout.maxSurge", value: 1,
      fleet: "spec.fleet.daemonSet"),
    Breach(
      rule: "must be 0 for a Deployment, which gets new pods before it loses old ones",
      field: "spec.rollout.maxUnavailable", path: "spec.rollout.maxUnavailable", value: 1),
    Breach(
      rule: "must be at least 1 for a Deployment, or nothing could ever be replaced",
      field: "spec.rollout.maxSurge", path: "spec.rollout.maxSurge", value: 0),
    Breach(
      rule: "must be at least 1 where maxUnavailable is 0, or nothing could ever be replaced",
      field: "spec.rollout.maxSurge", path: "spec.rollout.maxSurge", value: 0,
      fleet: "spec.fleet.processes"),
    Breach(
      rule: "must not be more than the replicas", field: "spec.rollout.canary",
      path: "spec.rollout.canary", value: 3, fleet: "spec.fleet.processes"),
    Breach(
      rule: "must be less than the replicas: all of them at once would be downtime",
      field: "spec.rollout.maxUnavailable", path: "spec.rollout.maxUnavailable", value: 2,
      fleet: "spec.fleet.processes"),
    Breach(
      rule: "is required in a cluster: backups and evidence outlive the pods that write them",
      field: "spec.backup.volumeClaim", path: "spec.backup.volumeClaim"),
    Breach(
      rule: "is required in a cluster: steps read the database's URL from a Secret",
      field: "spec.database.urlFrom.secretKeyRef", path: "spec.database.urlFrom",
      value: ["env": "URL"]),
    Breach(
      rule: "is required in a cluster: steps read the role's URL from a Secret",
      field: "spec.database.roles.backup.urlFrom.secretKeyRef", path: "spec.database.roles.backup",
      value: ["urlFrom": ["env": "URL"]]),
    Breach(
      rule: "is required in a cluster: steps read the role's URL from a Secret",
      field: "spec.database.roles.migrate.urlFrom.secretKeyRef",
      path: "spec.database.roles.migrate", value: ["urlFrom": ["file": "/url"]]),
    Breach(
      rule: "is required in a cluster: steps read the role's URL from a Secret",
      field: "spec.database.roles.probe.urlFrom.secretKeyRef", path: "spec.database.roles.probe",
      value: ["urlFrom": ["env": "URL"]]),
    Breach(
      rule: "is required in a cluster: steps read the scratch server's URL from a Secret",
      field: "spec.proof.scratchURLFrom.secretKeyRef", path: "spec.proof.scratchURLFrom",
      value: ["env": "URL"]),
    Breach(
      rule: "is required in a cluster: the daemon does not see the database's URL",
      field: "spec.database.engine", path: "spec.database.engine"),
    Breach(
      rule: "must not be less than min", field: "spec.windows[0].max", path: "spec.windows",
      value: [["version": "1.0.0", "min": 5, "max": 4]]),
  ]

  /// The rules that are broken by one of the values.
  static var rules: Set<String> { Set(breaches.map(\.rule)) }

  /// All values.
  var values: [WishValue] {
    Self.breaches.map { breach in
      let stage = WishStage.wish(for: breach.fleet, from: base)
      return WishValue(
        path: breach.path, kind: "rule broken",
        spec: WishStage.edit(stage, breach.path, breach.value),
        reaction: .refused(field: breach.field))
    }
  }
}
