import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What of a ManagedService the operator goes by, and what it refuses by name.
struct ManagedServiceTests {
  /// The smallest service that can be driven, with values set at paths.
  static func object(
    _ changes: [(String, JSONValue?)] = [], name: String = "beacon", uid: String = "u1",
    since: String = "2026-01-01T00:00:00Z"
  ) -> KubernetesObject {
    var body = Documents.service(name).body
      .setting(["spec", "fleet", "deployment", "port"], to: 8080)
      .setting(["metadata", "uid"], to: .string(uid))
      .setting(["metadata", "creationTimestamp"], to: .string(since))
    for (path, value) in changes {
      body = body.setting(path.split(separator: "/").map(String.init), to: value)
    }
    return KubernetesObject(body)
  }

  @Test func `a workload, its policy and its engine are what the document says`() throws {
    let service = try ManagedService(
      Self.object([("spec/rollout/canary", 2), ("spec/policy/approval", "always")]))
    #expect(service.place.description == "deployments.apps shop/beacon")
    #expect(service.place.container == "server")
    #expect(service.engine == "postgres" && service.port == 8080)
    #expect(service.policy.workload == .surging)
    #expect(service.policy.needsApproval)
    #expect(service.policy.rollout.canary == 2)
    #expect(service.policy.rollout.maxSurge == 1 && service.policy.rollout.maxUnavailable == 0)
    #expect(!service.adopts)
  }

  @Test func `pods that are replaced in their place are missed one at a time`() throws {
    let workload: JSONValue = ["name": "beacon", "container": "server", "port": 1, "adopt": true]
    let service = try ManagedService(
      Self.object([("spec/fleet", ["statefulSet": workload])]))
    #expect(service.policy.workload == .ordered)
    #expect(service.policy.rollout.maxSurge == 0 && service.policy.rollout.maxUnavailable == 1)
    #expect(service.adopts)
  }

  @Test func `a service with a gate is rolled by somebody else, and has pods by their labels`()
    throws
  {
    let service = try ManagedService(
      Self.object([
        ("spec/fleet/deployment/gate", ["pods": "app in (web, web-primary)"]),
        ("spec/fleet/deployment/adopt", true),
      ]))
    #expect(service.policy.workload == .signalled)
    #expect(service.gated == PodSelector("app in (web, web-primary)"))
    #expect(service.place.description == "deployments.apps shop/beacon")
    // Nothing is written to it, so that nothing is taken over.
    #expect(!service.adopts)
    let own = try ManagedService(Self.object())
    #expect(own.gated == nil)
  }

  @Test func `an open run goes by the wish that it was opened with`() throws {
    let old = Self.object().body["spec"]
    let edited = Self.object([("spec/fleet/deployment/name", "another")])
    let service = try ManagedService(edited, spec: old)
    #expect(service.place.name == "beacon")
    #expect(service.wish == old)
  }

  @Test(
    arguments: [
      ("spec/database/engine", nil, "spec.database.engine"),
      ("spec/database/engine", "sqlite", "spec.database.engine"),
      ("spec/database/urlFrom", ["env": "X"], "spec.database.urlFrom.secretKeyRef"),
      (
        "spec/database/replicas",
        [["urlFrom": ["secretKeyRef": ["name": "replica", "key": "url"]]]],
        "spec.database.replicas"
      ),
      ("spec/backup/volumeClaim", nil, "spec.backup.volumeClaim"),
      ("spec/fleet/deployment/port", nil, "spec.fleet.deployment.port"),
      ("spec/fleet/deployment/image", "web:{version}", "spec.fleet.deployment.image"),
      ("spec/fleet/deployment/gate", ["pods": "app"], "spec.fleet.deployment.gate.pods"),
      ("spec/fleet/deployment/gate", .object([]), "spec.fleet.deployment.gate.pods"),
      ("spec/fleet", ["signal": ["webhook": ["url": "http://x/"]]], "spec.fleet"),
      ("spec/source", ["github": ["repository": "a/b"]], "spec.source"),
      ("spec/source/versions", "newest", "spec.source.versions"),
      ("spec/policy/onUnsafe", "recreate", "spec.policy.onUnsafe"),
      ("spec/rollout/canary", "two", "spec.rollout.canary"),
      ("spec/source/manifest/interval", "0s", "spec.source.manifest.interval"),
      ("spec/source/manifest/interval", "999ms", "spec.source.manifest.interval"),
      ("spec/source/manifest/interval", "106751991167d", "spec.source.manifest.interval"),
      ("spec/source/minimumAge", "366d", "spec.source.minimumAge"),
      ("spec/database/lockBudget", "0ms", "spec.database.lockBudget"),
      ("spec/database/holdBudget", "11m", "spec.database.holdBudget"),
      ("spec/rollout/observe", "31d", "spec.rollout.observe"),
      ("spec/rollout/soak", "106751991167d", "spec.rollout.soak"),
      ("spec/rollout/stability", "6m", "spec.rollout.stability"),
      ("spec/rollout/progressDeadline", "0s", "spec.rollout.progressDeadline"),
      ("spec/database/ledger", "flyway", "spec.database.ledger"),
      (
        "spec/database/roles", ["probe": ["urlFrom": ["env": "X"]]],
        "spec.database.roles.probe.urlFrom.secretKeyRef"
      ),
      ("spec/proof/scratchURLFrom", ["file": "/x"], "spec.proof.scratchURLFrom.secretKeyRef"),
      ("spec/proof/env", ["1X": ""], "spec.proof.env"),
      ("spec/backup/directory", "/a/../../b", "spec.backup.directory"),
    ] as [(String, JSONValue?, String)])
  func `what can't be carried out is refused by its field`(
    path: String, value: JSONValue?, field: String
  ) {
    let error = #expect(throws: ObjectError.self) {
      try ManagedService(Self.object([(path, value)]))
    }
    #expect(error?.field == field)
  }

  @Test func `replicas of MySQL come from Secrets`() throws {
    let secret: JSONValue = ["secretKeyRef": ["name": "replica", "key": "url"]]
    let replicas = { (second: JSONValue) -> KubernetesObject in
      Self.object([
        ("spec/database/engine", "mysql"),
        ("spec/database/replicas", [["urlFrom": secret], ["urlFrom": second]]),
      ])
    }
    #expect(try ManagedService(replicas(secret)).spec.database.replicas?.count == 2)
    let error = #expect(throws: ObjectError.self) { try ManagedService(replicas(["env": "X"])) }
    #expect(error?.field == "spec.database.replicas[1].urlFrom.secretKeyRef")
  }

  @Test func `a scratch server is for engines whose copies can be on another one`() {
    let scratch: JSONValue = ["secretKeyRef": ["name": "scratch", "key": "url"]]
    let error = #expect(throws: ObjectError.self) {
      try ManagedService(
        Self.object([("spec/proof/scratchURLFrom", scratch), ("spec/database/engine", "mysql")]))
    }
    #expect(error?.field == "spec.proof.scratchURLFrom")
    #expect(throws: Never.self) {
      try ManagedService(Self.object([("spec/proof/scratchURLFrom", scratch)]))
    }
  }

  @Test func `an adopted service is not moved to another workload by a wish alone`() throws {
    let first = try ManagedService(Self.object())
    #expect(first.workload.text == "deployment/beacon")
    let noted: [(String, JSONValue?)] = [
      ("metadata/annotations", ["windlass.dev/workload": .string(first.workload.text)])
    ]
    #expect(try ManagedService(Self.object(noted)).place == first.place)
    let moved = noted + [("spec/fleet/deployment/name", "another")]
    let error = #expect(throws: ObjectError.self) { try ManagedService(Self.object(moved)) }
    #expect(error?.field == "spec.fleet.deployment.name")
    // An open run goes on with its own, and a person can let the service go.
    #expect(try ManagedService(Self.object(moved), spec: first.wish).place == first.place)
    let freed = [("spec/fleet/deployment/name", "another" as JSONValue?)]
    #expect(try ManagedService(Self.object(freed)).place.name == "another")
    let workload: JSONValue = ["name": "beacon", "container": "server", "port": 1]
    #expect(throws: ObjectError.self) {
      try ManagedService(Self.object(noted + [("spec/fleet", ["statefulSet": workload])]))
    }
  }
}

/// Who of several services has a workload and a database.
struct ServiceClaimsTests {
  private func service(
    _ name: String, uid: String, since: String, _ changes: [(String, JSONValue?)] = []
  ) throws -> ManagedService {
    try ManagedService(ManagedServiceTests.object(changes, name: name, uid: uid, since: since))
  }

  private static let other: [(String, JSONValue?)] = [
    ("spec/fleet/deployment/name", "other"),
    ("spec/database/urlFrom/secretKeyRef/name", "other-db"),
  ]

  @Test func `of two services on one workload the second does nothing, and names the first`() throws
  {
    let first = try service("a", uid: "u1", since: "2026-01-01T00:00:00Z")
    let second = try service(
      "b", uid: "u0", since: "2026-01-02T00:00:00Z",
      [("spec/database/urlFrom/secretKeyRef/name", "other-db")])
    let claims = ServiceClaims()
    claims.note([second, first])
    #expect(claims.rival(of: first) == nil)
    let rival = try #require(claims.rival(of: second))
    #expect(rival.holder.description == "shop/a")
    #expect(rival.block("b").message.contains("deployments.apps shop/beacon"))
    // When the first is gone, the second has it.
    claims.note([second])
    #expect(claims.rival(of: second) == nil)
  }

  @Test func `a service that is at work keeps what it works on, whatever its object says now`()
    throws
  {
    let young = try service("b", uid: "u2", since: "2026-01-02T00:00:00Z")
    let old = try service("a", uid: "u1", since: "2026-01-01T00:00:00Z", Self.other)
    let claims = ServiceClaims()
    claims.note([old, young])
    #expect(claims.begin(old) == nil && claims.begin(young) == nil)
    // The old one is to have the young one's workload, and waits until that is given back.
    let moved = try service("a", uid: "u1", since: "2026-01-01T00:00:00Z")
    claims.note([moved, young])
    claims.end(old)
    #expect(claims.begin(moved)?.holder.name == "b")
    #expect(claims.rival(of: young)?.holder.name == "a")
    claims.end(young)
    #expect(claims.begin(moved) == nil)
    #expect(claims.begin(young)?.holder.name == "a")
  }

  @Test func `of two services on one Secret the second does nothing`() throws {
    let first = try service("a", uid: "u1", since: "2026-01-01T00:00:00Z")
    let second = try service(
      "b", uid: "u2", since: "2026-01-01T00:00:00Z", [("spec/fleet/deployment/name", "other")])
    let claims = ServiceClaims()
    claims.note([first, second])
    #expect(claims.rival(of: first) == nil)
    #expect(claims.rival(of: second)?.subject.contains("Secret shop/beacon-db, key url") == true)
  }

  @Test func `one database behind two Secrets is the first service's as soon as it is read`() throws
  {
    let first = try service("a", uid: "u1", since: "2026-01-01T00:00:00Z")
    let second = try service("b", uid: "u2", since: "2026-01-02T00:00:00Z", Self.other)
    let claims = ServiceClaims()
    claims.note([first, second])
    #expect(claims.rival(of: second) == nil)
    // Whoever reads first, the first service has it.
    try claims.claim("database-1", for: second)
    try claims.claim("database-1", for: first)
    let failure = #expect(throws: StepFailure.self) {
      try claims.claim("database-1", for: second)
    }
    #expect(failure?.code == "SharedWithAnother" && failure?.disposition == .wait)
    // It is asked again without a look at the database, until that is another one.
    #expect(throws: StepFailure.self) { try claims.claim(nil, for: second) }
    try claims.claim("database-2", for: second)
    try claims.claim(nil, for: second)
  }
}
