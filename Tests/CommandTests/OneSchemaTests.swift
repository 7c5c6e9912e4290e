import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// A ManagedService is one document, whether a file or an object of a cluster: both readers know
/// the same fields and have the same defaults.
struct OneSchemaTests {
  /// Sections that the daemon's file knows by name and refuses whole, with a value that the
  /// definition takes.
  private static let refused: [(path: String, value: JSONValue)] = [
    ("spec.source.github", ["repository": "flipt-io/flipt"]),
    ("spec.database.urlFrom.secretKeyRef", ["name": "beacon-db", "key": "url"]),
    ("spec.proof.scratchURLFrom.secretKeyRef", ["name": "scratch", "key": "url"]),
    ("spec.database.roles.backup.urlFrom.secretKeyRef", ["name": "backup", "key": "url"]),
    ("spec.database.roles.migrate.urlFrom.secretKeyRef", ["name": "migrate", "key": "url"]),
    ("spec.database.roles.probe.urlFrom.secretKeyRef", ["name": "probe", "key": "url"]),
    ("spec.database.replicas[0].urlFrom.secretKeyRef", ["name": "replica", "key": "url"]),
    ("spec.fleet.deployment", ["name": "beacon", "container": "server"]),
    ("spec.fleet.statefulSet", ["name": "beacon", "container": "server"]),
    ("spec.fleet.daemonSet", ["name": "beacon", "container": "server"]),
    ("spec.fleet.signal", ["webhook": ["url": "http://roller.example/"]]),
    ("spec.windows", [["version": "1.0.0", "min": 1, "max": 2]]),
    ("spec.backup.volumeClaim", "backups"), ("spec.migrations.command", ["beacon", "migrate"]),
  ]

  /// A document with every section that a file may have.
  private let whole: JSONValue = [
    "apiVersion": "windlass.dev/v1alpha1", "kind": "ManagedService",
    "metadata": ["name": "beacon"],
    "spec": [
      "source": [
        "manifest": [
          "url": "https://releases.example/beacon.json", "service": "beacon",
          "publicKeys": [.string("RWQ" + String(repeating: "a", count: 53))],
        ]
      ],
      "database": [
        "urlFrom": ["env": "BEACON_DB"], "inject": ["env": "BEACON_DB"],
        "roles": [
          "backup": ["urlFrom": ["env": "BACKUP_DB"]],
          "migrate": ["urlFrom": ["env": "MIGRATE_DB"]],
          "probe": ["urlFrom": ["env": "PROBE_DB"]],
        ],
        "replicas": [["urlFrom": ["env": "REPLICA_DB"]]],
      ],
      "migrations": ["engine": .object([])], "backup": .object([]),
      "proof": ["scratchURLFrom": ["env": "SCRATCH_DB"]],
      "fleet": [
        "processes": [
          "command": ["{artifact}/beacon", "serve"], "replicas": 3,
          "listen": [["name": "http", "address": "127.0.0.1:8080"]], "readiness": .object([]),
          "version": .object([]),
        ]
      ],
      "rollout": .object([]), "policy": .object([]),
    ],
  ]

  private func parse(_ document: JSONValue) throws -> ServiceConfiguration {
    // JSON is YAML.
    let services = try ConfigurationFile.parse(document.text, file: "service.yaml")
    return try #require(services.first)
  }

  private func refusal(of document: JSONValue) -> ConfigurationError? {
    do {
      _ = try parse(document)
      return nil
    } catch {
      return error as? ConfigurationError
    }
  }

  private static func steps(_ path: String) -> [String] {
    path.split(separator: ".").map(String.init)
  }

  /// Each section of the schema that a file may have, with the names of its fields.
  private func sections(_ schema: JSONValue, _ path: String) -> [(String, [String])] {
    let members = schema["properties"]?.object ?? []
    guard schema["type"] == "object", schema["additionalProperties"] == nil else { return [] }
    let inner = members.flatMap { member -> [(String, [String])] in
      let place = "\(path).\(member.name)"
      guard !Self.refused.contains(where: { $0.path == place }) else { return [] }
      if let items = member.value["items"] { return sections(items, "\(place)[0]") }
      return sections(member.value, place)
    }
    return [(path, members.map(\.name).sorted())] + inner
  }

  /// The document with a field that nobody knows in one section.
  private func misspelt(in path: String) -> JSONValue {
    changed(whole, Self.steps(path) + ["zzzzz"], to: 1)
  }

  /// The value with another one at the place to which the steps lead, through first elements of
  /// lists as well.
  private func changed(
    _ value: JSONValue, _ steps: [String], to new: JSONValue
  ) -> JSONValue {
    guard let step = steps.first else { return new }
    let rest = Array(steps.dropFirst())
    guard step.hasSuffix("[0]") else {
      return value.setting(step, to: changed(value[step] ?? .object([]), rest, to: new))
    }
    let name = String(step.dropLast(3))
    let first = value[name]?.array?.first ?? .object([])
    return value.setting(name, to: [changed(first, rest, to: new)])
  }

  @Test func `each section has the same fields in a file and in the definition`() throws {
    let sections = sections(ManagedServiceSpec.schema, "spec")
    #expect(sections.count > 15)
    for (path, names) in sections {
      let error = try #require(refusal(of: misspelt(in: path)), "\(path)")
      #expect(error.field == "\(path).zzzzz")
      let known = error.allowed.split(separator: ":").last?.split(separator: ",") ?? []
      let words = known.map { String($0.filter { $0.isLetter || $0.isNumber }) }
      // A section without fields allows nothing.
      #expect(words.filter { !$0.isEmpty }.sorted() == names, "\(path)")
    }
  }

  @Test(arguments: refused.map(\.path))
  func `what the daemon does not run is refused by name, and is no misspelling`(
    path: String
  ) throws {
    let value = try #require(Self.refused.first { $0.path == path }?.value)
    var steps = Self.steps(path)
    var document = whole
    let last = steps.removeLast()
    // Of sections with one choice the other one goes.
    if ["urlFrom", "scratchURLFrom", "fleet", "source", "migrations"].contains(steps.last) {
      document = changed(document, steps, to: .object([]))
    }
    document = changed(document, steps + [last], to: value)
    let error = try #require(refusal(of: document))
    #expect(error.message.contains("this build of Windlass does not run"))
    #expect(error.field == path)
  }

  @Test func `the ledgers that a file may name are those of the definition`() {
    #expect(LedgerName.allCases.map(\.rawValue) == DatabaseSpec.Ledger.allCases.map(\.rawValue))
  }

  @Test func `defaults that are written out change nothing`() throws {
    let plain = try parse(whole)
    let spec = filled(whole["spec"] ?? .null, ManagedServiceSpec.schema)
    #expect(try parse(whole.setting("spec", to: spec)) == plain)
    let read = try ManagedServiceSpec.read(whole["spec"] ?? .null, at: "spec")
    #expect(read.rollout.soak == plain.rollout.soak)
    #expect(read.rollout.observe == plain.rollout.observe)
    #expect(read.rollout.stability == plain.rollout.stability)
    #expect(read.rollout.progressDeadline == plain.rollout.progressDeadline)
    #expect(read.database.lockBudget == plain.database.lockBudget)
    #expect(read.database.holdBudget == plain.database.holdBudget)
    #expect(Int(read.backup.keep) == plain.backup.keep)
    #expect(read.source.channel == plain.channel)
    #expect(read.source.minimumAge == plain.minimumAge)
    #expect(read.source.manifest?.interval == plain.source.interval)
    #expect(read.fleet.processes?.drain == plain.fleet.drain)
    #expect(read.fleet.processes?.grace == plain.fleet.grace)
    #expect(read.fleet.processes?.readiness.path == plain.fleet.readinessPath)
    #expect(read.fleet.processes?.version.pointer == plain.fleet.versionPointer)
  }

  /// The value with the defaults of its schema, as a server fills them in.
  private func filled(_ value: JSONValue, _ schema: JSONValue) -> JSONValue {
    if let items = schema["items"], let elements = value.array {
      return .array(elements.map { filled($0, items) })
    }
    guard value.object != nil else { return value }
    var whole = value
    for member in schema["properties"]?.object ?? [] {
      guard let found = whole[member.name] ?? member.value["default"] else { continue }
      whole = whole.setting(member.name, to: filled(found, member.value))
    }
    return whole
  }
}
