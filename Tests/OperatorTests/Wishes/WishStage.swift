import WindlassWire

/// A wish in which a field can be written at all: of kinds that exclude each other the field's own.
enum WishStage {
  /// The sections that a usual wish does not have, each with what it stands instead of.
  private static let sections: [(path: String, excludes: [String], sample: JSONValue)] = [
    (
      "spec.source.github", ["spec.source.manifest"], ["repository": "example/beacon"]
    ),
    ("spec.database.urlFrom.env", ["spec.database.urlFrom.secretKeyRef"], "DATABASE_URL"),
    ("spec.database.urlFrom.file", ["spec.database.urlFrom.secretKeyRef"], "/run/url"),
    ("spec.database.roles.backup", [], ["urlFrom": secret]),
    ("spec.database.roles.migrate", [], ["urlFrom": secret]),
    ("spec.database.roles.probe", [], ["urlFrom": secret]),
    ("spec.migrations.command", ["spec.migrations.engine"], ["/migrate"]),
    ("spec.backup.directory", [], "/backups"),
    ("spec.proof.scratchURLFrom", [], secret),
    ("spec.proof.env", [], [WishField.entryName: "yes"]),
    (
      "spec.fleet.processes", ["spec.fleet.deployment"],
      [
        "command": ["{artifact}/beacon"], "env": [WishField.entryName: "yes"],
        "listen": [["name": "http", "address": "127.0.0.1:8080"]], "replicas": 2,
      ]
    ),
    ("spec.fleet.statefulSet", ["spec.fleet.deployment"], workload),
    ("spec.fleet.daemonSet", ["spec.fleet.deployment"], workload),
    ("spec.fleet.deployment.gate", [], gate),
    ("spec.fleet.statefulSet.gate", [], gate),
    ("spec.fleet.daemonSet.gate", [], gate),
    (
      "spec.fleet.signal", ["spec.fleet.deployment"],
      ["webhook": ["url": "https://hooks.example/"]]
    ),
    ("spec.windows", [], [["version": "1.0.0", "min": 0, "max": 1]]),
  ]

  private static let secret: JSONValue = ["secretKeyRef": ["name": "url", "key": "url"]]
  private static let gate: JSONValue = ["pods": "app in (beacon, web)"]
  private static let workload: JSONValue = ["name": "web", "container": "server", "port": 8080]

  /// Inside of these one of three kinds of sources has to be chosen.
  private static let sources = [
    "spec.database.roles.backup.urlFrom", "spec.database.roles.migrate.urlFrom",
    "spec.database.roles.probe.urlFrom", "spec.proof.scratchURLFrom",
  ]

  /// The wish with everything in it that the field stands in, and that takes it.
  static func wish(for path: String, from base: JSONValue) -> JSONValue {
    var spec = base
    for section in sections where isInside(path, section.path) {
      for excluded in section.excludes { spec = edit(spec, excluded, nil) }
      spec = edit(spec, section.path, section.sample)
    }
    for source in sources {
      for (name, sample) in [("env", "DATABASE_URL"), ("file", "/run/url")]
      where path == "\(source).\(name)" {
        spec = edit(spec, source, .object([JSONMember(name, .string(sample))]))
      }
    }
    return spec
  }

  private static func isInside(_ path: String, _ section: String) -> Bool {
    path == section || path.hasPrefix(section + ".") || path.hasPrefix(section + "[")
  }

  /// A wish with the value at a path of members replaced, or taken away.
  static func edit(_ spec: JSONValue, _ path: String, _ value: JSONValue?) -> JSONValue {
    let names = path.split(separator: ".").dropFirst().map(String.init)
    return WishField(steps: names.map { .member($0) }, schema: .null).setting(value, in: spec)
  }
}
