import WindlassWire

/// What of a service's surroundings values are made from.
struct WishSurroundings: Sendable {
  /// Where manifests are, such as `http://manifests.invalid`.
  var server: String
  /// The path of a copy of the manifest, at another place than the usual one.
  var copy: String
  /// The path of a file that is no manifest.
  var garbage: String
  /// A well-formed public key that has signed nothing.
  var strangersKey: String
  /// The Secret with the database's URL, and the key in it.
  var secret: (name: String, key: String)
  /// The Deployment and the Secret that another service has.
  var othersWorkload: String
  var othersSecret: String
}

/// Values that an API server takes: good ones, and bad ones that the operator has to deal with.
struct OperatorValues {
  /// The usual wish.
  let base: JSONValue
  let surroundings: WishSurroundings

  /// A value of one field of the usual wish.
  private struct Trial {
    var path: String
    var value: JSONValue?
    var kind: String
    var reaction: WishValue.Reaction

    static func good(_ path: String, _ values: JSONValue?...) -> [Trial] {
      values.map { Trial(path: path, value: $0, kind: "good", reaction: .good) }
    }

    static func quiet(_ path: String, _ kind: String, _ value: JSONValue?) -> [Trial] {
      [Trial(path: path, value: value, kind: kind, reaction: .quiet)]
    }

    static func told(
      _ path: String, _ kind: String, _ value: JSONValue?, _ words: String...
    ) -> [Trial] {
      [Trial(path: path, value: value, kind: kind, reaction: .told(words: words))]
    }

    static func declined(
      _ path: String, _ kind: String, _ values: [JSONValue?], naming field: String? = nil
    ) -> [Trial] {
      values.map {
        Trial(path: path, value: $0, kind: kind, reaction: .declined(field: field ?? path))
      }
    }
  }

  /// All values, field by field.
  var values: [WishValue] {
    let all: [[[Trial]]] = [
      source, database, roles, migrations, backup, proof, fleet, rollout, rest,
    ]
    return all.joined().joined().map { trial in
      WishValue(
        path: trial.path, kind: trial.kind,
        spec: WishStage.edit(
          WishStage.wish(for: Self.stage(of: trial), from: base), trial.path, trial.value),
        reaction: trial.reaction)
    }
  }

  /// A kind of fleet or source replaces the usual one; everything else is written beside it.
  private static func stage(of trial: Trial) -> String { trial.value == nil ? "spec" : trial.path }

  /// Times out of bounds, and such as no program can add up, which no pattern tells from others.
  private static func endless(_ more: JSONValue...) -> [JSONValue?] {
    (more + ["106751991167d", "999999999999d"]).map { $0 }
  }

  // MARK: - Sections

  private var source: [[Trial]] {
    let server = surroundings.server
    let url = "spec.source.manifest.url"
    let keys = "spec.source.manifest.publicKeys"
    let known = WishStage.keys(in: base)
    let interval = "spec.source.manifest.interval"
    let none: JSONValue = .string("\(server)/none.json")
    let garbage: JSONValue = .string("\(server)\(surroundings.garbage)")
    let copy: JSONValue = .string("\(server)\(surroundings.copy)")
    let noKey: JSONValue = .string("RWA" + String(repeating: "A", count: 53))
    let strange: JSONValue = .string(surroundings.strangersKey)
    let both: JSONValue = .array([strange] + known)
    return [
      Trial.told(url, "not found", none, "404", "/none.json"),
      Trial.told(url, "garbage", garbage, surroundings.garbage),
      Trial.told(url, "no such host", "http://nowhere.invalid/m.json", "nowhere.invalid"),
      Trial.told(url, "no such file", "file:///nowhere/m.json", "/nowhere/m.json"),
      Trial.declined(url, "broken escape", ["file:///%zz"]),
      Trial.good(url, copy),
      Trial.told("spec.source.manifest.service", "another service", "somebody", "somebody"),
      Trial.declined(interval, "too short", ["0s", "0ms", "999ms"]),
      Trial.declined(interval, "too long", Self.endless("25h")),
      Trial.good(interval, "1s", "1m"),
      Trial.declined(keys, "no key", [[noKey]]),
      Trial.told(keys, "a stranger's key", [strange], server),
      Trial.good(keys, both),
      Trial.told("spec.source.channel", "empty channel", "nightly", "spec.source.channel"),
      Trial.declined("spec.source.versions", "no range", ["newest", ">=one", "1.0.0 |"]),
      Trial.told("spec.source.versions", "empty range", "<0.1.0", "spec.source.versions"),
      Trial.good("spec.source.versions", ">=1.0.0", ">=1.0.0 <9.0.0 || 10.0.0"),
      Trial.declined("spec.source.minimumAge", "too long", Self.endless("366d")),
      Trial.good("spec.source.minimumAge", "1h", "1d"),
      Trial.declined(
        "spec.source.github", "not built", [["repository": "example/beacon"]],
        naming: "spec.source"),
    ]
  }

  private var database: [[Trial]] {
    let secret = "spec.database.urlFrom.secretKeyRef"
    let engine = "spec.database.engine"
    return [
      Trial.told("\(secret).name", "no such Secret", "no-such-secret", "no-such-secret"),
      Trial.told("\(secret).key", "no such key", "no-such-key", "no-such-key"),
      Trial.told(
        secret, "another service's",
        ["name": .string(surroundings.othersSecret), "key": "url"], "SharedWithAnother"),
      Trial.declined(engine, "not built", ["sqlite"]),
      Trial.declined(
        engine, "one that needs no scratch server", ["mysql"], naming: "spec.proof.scratchURLFrom"),
      Trial.told(engine, "another engine", "cockroachdb", engine),
      Trial.quiet("spec.database.inject", "left out", nil),
      Trial.quiet("spec.database.inject.env", "another variable", "NOT_READ"),
      Trial.good("spec.database.inject.format", "url"),
      Trial.declined(
        "spec.database.ledger", "only read",
        ["alembic", "dbmate", "django", "flyway", "goose", "command"]),
      Trial.good("spec.database.ledger", "golang-migrate"),
      Trial.declined(
        "spec.database.lockBudget", "out of bounds", Self.endless("0ms", "0s", "11m")),
      Trial.good("spec.database.lockBudget", "1ms", "200ms", "10m"),
      Trial.declined(
        "spec.database.holdBudget", "out of bounds", Self.endless("0ms", "601s")),
      Trial.good("spec.database.holdBudget", "2s", "10m"),
      Trial.good("spec.database.backfillShare", 1, 75, 100),
      Trial.declined(
        "spec.database.replicas", "of an engine that lists its own",
        [[["urlFrom": ["secretKeyRef": ["name": "replica", "key": "url"]]]]]),
    ]
  }

  private var roles: [[Trial]] {
    ["backup", "migrate", "probe"].map { role -> [Trial] in
      let secret = "spec.database.roles.\(role).urlFrom.secretKeyRef"
      let known = surroundings.secret
      let bad: JSONValue = ["name": "no-such-secret", "key": .string(known.key)]
      let other: JSONValue = ["name": .string(known.name), "key": "no-such-key"]
      let right: JSONValue = ["name": .string(known.name), "key": .string(known.key)]
      // At rest the ledger is read by the role of probes alone.
      let trials =
        role == "probe"
        ? Trial.told(secret, "no such Secret", bad, "no-such-secret")
          + Trial.told(secret, "no such key", other, "no-such-key")
        : Trial.quiet(secret, "no such Secret", bad) + Trial.quiet(secret, "no such key", other)
      return trials + Trial.good(secret, right)
    }
  }

  private var migrations: [[Trial]] {
    [
      Trial.good("spec.migrations", ["engine": [:]]),
      Trial.quiet("spec.migrations.command", "a command of the service", ["/migrate", "up"]),
    ]
  }

  private var backup: [[Trial]] {
    [
      Trial.declined("spec.backup.directory", "outside of the volume", ["/../etc", "/a/../../b"]),
      Trial.good("spec.backup.directory", "/backups/web"),
      Trial.good("spec.backup.keep", 1, 1_000),
      Trial.quiet("spec.backup.volumeClaim", "no such claim", "no-such-claim"),
    ]
  }

  private var proof: [[Trial]] {
    let known = surroundings.secret
    let right: JSONValue = [
      "secretKeyRef": ["name": .string(known.name), "key": .string(known.key)]
    ]
    return [
      Trial.good("spec.proof.require", "queries", "structure"),
      Trial.quiet(
        "spec.proof.scratchURLFrom", "no such Secret",
        ["secretKeyRef": ["name": "no-such-secret", "key": "url"]]),
      Trial.good("spec.proof.scratchURLFrom", right),
      Trial.declined("spec.proof.env", "no name of a variable", [["1X": "y"], ["A-B": "y"]]),
      Trial.good("spec.proof.env", ["LEVEL": "debug"], [:]),
      Trial.good("spec.proof.isolation", "none"),
    ]
  }

  private var fleet: [[Trial]] {
    let deployment = "spec.fleet.deployment"
    let moved: JSONValue = ["name": "web", "container": "server", "port": 8_080]
    return [
      Trial.declined(
        "\(deployment).name", "another workload",
        ["no-such-deployment", .string(surroundings.othersWorkload)]),
      Trial.told(
        "\(deployment).container", "no such container", "no-such-container", "no-such-container"),
      Trial.declined("\(deployment).image", "not built", ["web:{version}"]),
      Trial.declined("\(deployment).port", "left out", [nil]),
      Trial.quiet("\(deployment).port", "another port", 9_999),
      Trial.quiet("\(deployment).version.path", "another path", "/nope"),
      Trial.quiet("\(deployment).version.pointer", "another place", "/no/such/place"),
      Trial.quiet("\(deployment).adopt", "not adopted", false),
      Trial.good("\(deployment).gate", ["pods": "app in (beacon, web)"]),
      Trial.told(
        "\(deployment).gate.pods", "selects nothing", "app=nobody", "app=nobody"),
      Trial.declined(
        "spec.fleet.statefulSet", "another workload", [moved],
        naming: "spec.fleet.statefulSet.name"),
      Trial.declined(
        "spec.fleet.daemonSet", "another workload", [moved], naming: "spec.fleet.daemonSet.name"),
      Trial.declined(
        "spec.fleet.processes", "of one machine",
        [
          [
            "command": ["{artifact}/web"],
            "listen": [["name": "http", "address": "127.0.0.1:8080"]],
          ]
        ], naming: "spec.fleet"),
      Trial.declined(
        "spec.fleet.signal", "not built", [["webhook": ["url": "https://hooks.example/"]]],
        naming: "spec.fleet"),
    ]
  }

  private var rollout: [[Trial]] {
    let times = ["observe", "stability", "soak"].map { name in
      Trial.declined("spec.rollout.\(name)", "too long", Self.endless("31d"))
        + Trial.good("spec.rollout.\(name)", "0s", "2s")
    }
    let deadline = "spec.rollout.progressDeadline"
    return times + [
      Trial.declined(
        "spec.rollout.stability", "longer than the deadline", ["23h"]),
      Trial.declined(deadline, "out of bounds", Self.endless("0s", "25h")),
      Trial.good(deadline, "2h", "24h"),
      Trial.good("spec.rollout.canary", 2, 1_000),
      Trial.good("spec.rollout.maxUnavailable", 0),
      Trial.good("spec.rollout.maxSurge", 2, 1_000),
      Trial.good("spec.rollout.analysis", []),
    ]
  }

  private var rest: [[Trial]] {
    [
      Trial.good("spec.policy.approval", "always"),
      Trial.good("spec.policy.windows", []),
      Trial.declined("spec.policy.onUnsafe", "not built", ["recreate"]),
      Trial.good("spec.policy.paused", true),
      Trial.declined(
        "spec.windows", "beside a manifest", [[], [["version": "1.0.0", "min": 0, "max": 1]]]),
    ]
  }
}

extension WishStage {
  /// The keys that a wish trusts.
  static func keys(in spec: JSONValue) -> [JSONValue] {
    spec["source"]?["manifest"]?["publicKeys"]?.array ?? []
  }
}
