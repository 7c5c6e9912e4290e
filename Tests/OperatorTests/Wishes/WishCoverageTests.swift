import KubernetesFleet
import Testing
import WindlassWire

/// That values are tried of every field that the definition has.
struct WishCoverageTests {
  private static let key = "RWQ" + String(repeating: "a", count: 53)

  static let base: JSONValue = [
    "source": [
      "manifest": [
        "url": "http://manifests.invalid/web.json", "service": "web", "interval": "5s",
        "publicKeys": [.string(key)],
      ]
    ],
    "database": [
      "urlFrom": ["secretKeyRef": ["name": "web-db", "key": "url"]], "engine": "postgres",
      "inject": ["env": "DB"],
    ],
    "backup": ["volumeClaim": "backups"],
    "proof": ["scratchURLFrom": ["secretKeyRef": ["name": "scratch", "key": "url"]]],
    "fleet": ["deployment": ["name": "web", "container": "server", "port": 8080, "adopt": true]],
    "rollout": ["observe": "0s", "stability": "1s", "soak": "1s", "progressDeadline": "1h"],
  ]

  static let surroundings = WishSurroundings(
    server: "http://manifests.invalid", copy: "/copy/web.json", garbage: "/garbage.json",
    strangersKey: "RWQ" + String(repeating: "b", count: 53), secret: ("web-db", "url"),
    othersWorkload: "other", othersSecret: "other-db")

  private static let fields = WishField.all(under: ManagedServiceSpec.schema)

  /// Sections that the operator refuses whole, or that only other programs read: of their fields
  /// an API server alone is tried.
  private static let declined = [
    "spec.source.github", "spec.fleet.processes", "spec.fleet.statefulSet", "spec.fleet.daemonSet",
    "spec.fleet.signal", "spec.windows",
  ]

  /// In a cluster no URL comes from these, by the definition's rules.
  private static func isOfOneMachine(_ path: String) -> Bool {
    path.hasSuffix("From.env") || path.hasSuffix("From.file")
  }

  @Test(arguments: fields.map(\.path))
  func `an API server has bad values of every field to refuse`(path: String) throws {
    let field = try #require(Self.fields.first { $0.path == path })
    let values = AdmissionValues(base: Self.base).values(of: field)
    #expect(!values.isEmpty)
    #expect(values.allSatisfy { !$0.reaction.isAdmitted })
    // A limit of the definition without a value that breaks it would be no limit that was tried.
    let kinds = Set(values.map(\.kind))
    for (limit, wanted) in [
      ("enum", ["unknown word"]), ("pattern", ["pattern broken"]), ("maxLength", ["too long"]),
      ("minimum", ["too small"]), ("maxItems", ["too many"]), ("maxProperties", ["too many"]),
      ("x-kubernetes-list-map-keys", ["listed twice"]),
    ] where field.schema[limit] != nil {
      #expect(!kinds.isDisjoint(with: wanted), "\(path): \(limit)")
    }
  }

  @Test func `each rule of the definition is broken by a value`() {
    let rules = Self.fields.flatMap { field in
      (field.schema["x-kubernetes-validations"]?.array ?? []).compactMap { $0["message"]?.string }
    }
    #expect(rules.count > 10)
    #expect(Set(rules) == BrokenRules.rules)
  }

  @Test func `the operator has a value of every field to take, or to refuse`() {
    let tried = Set(
      OperatorValues(base: Self.base, surroundings: Self.surroundings).values.map(\.path))
    let missing = Self.fields.filter { field in
      let isTried = tried.contains { known in
        field.path == known || field.path.hasPrefix(known + ".")
          || field.path.hasPrefix(known + "[")
      }
      let isDeclined = Self.declined.contains { field.path.hasPrefix($0) }
      return !field.isSection && !isTried && !isDeclined && !Self.isOfOneMachine(field.path)
    }
    #expect(missing.map(\.path) == [])
    #expect(Set(Self.declined).isSubset(of: tried))
    let known = Set(Self.fields.map(\.path))
    #expect(tried.subtracting(known) == [], "a value of no field")
  }

  @Test func `each field that a wish may say otherwise has a good value`() {
    let values = OperatorValues(base: Self.base, surroundings: Self.surroundings).values
    let good = Set(values.filter { $0.reaction == .good }.map(\.path))
    for section in ["source", "database", "migrations", "backup", "proof", "rollout", "policy"] {
      #expect(good.contains { $0.hasPrefix("spec.\(section)") }, "\(section)")
    }
    let bad = values.filter { $0.reaction != .good }
    #expect(bad.allSatisfy { $0.spec != Self.base })
  }
}
