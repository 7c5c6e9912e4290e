import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Good and bad documents at a server that has the definitions.
struct AdmissionTests {
  /// A cluster with the definitions, once they are established.
  private func with(_ body: @Sendable (ClusterWorld) async throws -> Void) async throws {
    try await ClusterWorld.with(.inProcess) { world in
      for definition in ResourceDefinition.all {
        let made = try await world.client.apply(
          KubernetesObject(definition.json), as: .definitions)
        #expect(made.name == definition.name)
      }
      #expect(
        await eventually {
          let found = try? await world.client.list(Selection(.definitions)).objects
          return found?.allSatisfy(Self.isEstablished) == true
        })
      try await body(world)
    }
  }

  private static func isEstablished(_ definition: KubernetesObject) -> Bool {
    let conditions = definition.body.value(at: "/status/conditions")?.array ?? []
    return conditions.contains { $0["type"] == "Established" && $0["status"] == "True" }
  }

  /// The service with a value set at a path such as `spec/rollout/canary`.
  private func service(
    _ changes: [(String, JSONValue?)], fleet: String = "deployment"
  ) -> KubernetesObject {
    var body = Documents.service().body
    if fleet != "deployment" {
      let workload = body.value(at: "/spec/fleet/deployment")
      body = body.setting(["spec", "fleet"], to: .object([]))
        .setting(["spec", "fleet", fleet], to: workload)
    }
    for (path, value) in changes {
      body = body.setting(path.split(separator: "/").map(String.init), to: value)
    }
    return KubernetesObject(body)
  }

  @Test func `good documents are taken, and filled with their defaults`() async throws {
    try await with { world in
      let made = try await world.client.create(Documents.service(), as: .managedServices)
      #expect(made.body.value(at: "/spec/rollout/soak") == "10m")
      #expect(made.body.value(at: "/spec/migrations/engine") == .object([]))
      #expect(made.body.value(at: "/spec/rollout/maxUnavailable") == nil)
      let read = try ManagedServiceSpec.read(made.body["spec"] ?? .null, at: "spec")
      let written = try ManagedServiceSpec.read(
        Documents.service().body["spec"] ?? .null, at: "spec")
      #expect(read == written)
      for (name, fleet) in [("sets", "statefulSet"), ("daemons", "daemonSet")] {
        let other = service(
          [
            ("metadata/name", .string(name)), ("spec/rollout/maxUnavailable", 2),
            ("spec/rollout/maxSurge", 0),
          ], fleet: fleet)
        _ = try await world.client.create(other, as: .managedServices)
      }
      _ = try await world.client.create(Documents.run(), as: .upgradeRuns)
      let names = try await world.client.list(Selection(.managedServices)).objects.map(\.name)
      #expect(names == ["beacon", "daemons", "sets"])
    }
  }

  /// A fleet of processes in place of the Deployment.
  private let local: [(String, JSONValue?)] = [
    ("spec/fleet/deployment", nil),
    (
      "spec/fleet/processes",
      [
        "command": ["{artifact}/beacon"],
        "listen": [["name": "http", "address": "127.0.0.1:8080"]], "replicas": 2,
      ]
    ),
  ]

  /// Documents with one fault, and the field that is at fault.
  private var badDocuments: [(KubernetesObject, String)] {
    [
      (service([("spec/source/manifest", nil)]), "spec.source"),
      (service([("spec/source/github", ["repository": "a/b"])]), "spec.source"),
      (
        service([("spec/source/manifest/url", "https://ann:pw@releases.example/")]),
        "spec.source.manifest.url"
      ),
      (service([("spec/source/manifest/url", "ftp://x/")]), "spec.source.manifest.url"),
      (service([("spec/source/manifest/publicKeys", [])]), "spec.source.manifest.publicKeys"),
      (
        service([("spec/source/manifest/publicKeys", ["short"])]),
        "spec.source.manifest.publicKeys[0]"
      ),
      (service([("spec/source/manifest/interval", "soon")]), "spec.source.manifest.interval"),
      (service([("spec/source/minimumAge", 24)]), "spec.source.minimumAge"),
      (service([("spec/database/urlFrom", [:])]), "spec.database.urlFrom"),
      (
        service([("spec/database/urlFrom", ["env": "BEACON_DB"])]),
        "spec.database.urlFrom.secretKeyRef"
      ),
      (
        service([("spec/database/roles", ["backup": ["urlFrom": ["file": "/x"]]])]),
        "spec.database.roles.backup.urlFrom.secretKeyRef"
      ),
      (
        service([("spec/proof/scratchURLFrom", ["env": "SCRATCH"])]),
        "spec.proof.scratchURLFrom.secretKeyRef"
      ),
      (service([("spec/database/engine", nil)]), "spec.database.engine"),
      (service([("spec/database/engine", "oracle")]), "spec.database.engine"),
      (service([("spec/database/inject/env", "1X")]), "spec.database.inject.env"),
      (service([("spec/database/ledger", "guess")]), "spec.database.ledger"),
      (service([("spec/migrations", [:])]), "spec.migrations"),
      (
        service([("spec/migrations", ["engine": [:], "command": ["x"]])]), "spec.migrations"
      ),
      (service([("spec/backup/volumeClaim", nil)]), "spec.backup.volumeClaim"),
      (service([("spec/backup/keep", 0)]), "spec.backup.keep"),
      (service([("spec/proof/isolation", "some")]), "spec.proof.isolation"),
      (service([("spec/fleet", [:])]), "spec.fleet"),
      (service([("spec/fleet/signal", ["webhook": ["url": "http://x"]])]), "spec.fleet"),
      (
        service([("spec/fleet/deployment/image", "flipt:latest")]), "spec.fleet.deployment.image"
      ),
      (service([("spec/fleet/deployment/name", "Beacon")]), "spec.fleet.deployment.name"),
      (service([("spec/rollout/maxUnavailable", 1)]), "spec.rollout.maxUnavailable"),
      (service([("spec/rollout/maxSurge", 0)]), "spec.rollout.maxSurge"),
      (
        service([("spec/rollout/maxUnavailable", 0)], fleet: "statefulSet"),
        "spec.rollout.maxUnavailable"
      ),
      (
        service([("spec/rollout/maxUnavailable", 0)], fleet: "daemonSet"),
        "spec.rollout.maxUnavailable"
      ),
      (service([("spec/rollout/maxSurge", 1)], fleet: "statefulSet"), "spec.rollout.maxSurge"),
      (service([("spec/rollout/analysis", ["x"])]), "spec.rollout.analysis"),
      (service(local + [("spec/rollout/maxSurge", 0)]), "spec.rollout.maxSurge"),
      (service(local + [("spec/rollout/canary", 3)]), "spec.rollout.canary"),
      (
        service(local + [("spec/rollout/maxUnavailable", 2)]), "spec.rollout.maxUnavailable"
      ),
      (service([("spec/policy/windows", ["x"])]), "spec.policy.windows"),
      (service([("spec/policy/onUnsafe", "hope")]), "spec.policy.onUnsafe"),
      (
        service([("spec/windows", [["version": "1.0.0", "min": 5, "max": 4]])]),
        "spec.windows[0].max"
      ),
      (service([("spec/source", nil)]), "spec.source"),
    ]
  }

  @Test func `each bad document is refused with the field that is wrong`() async throws {
    try await with { world in
      for (object, field) in badDocuments {
        let error = await failure { () throws(APIError) in
          try await world.client.create(object, as: .managedServices)
        }
        #expect(error?.code == .invalid, "\(field)")
        #expect(
          error?.causes.contains { $0.field == field } == true,
          "\(field): \(error?.causes.map(\.field) ?? [])")
      }
      _ = try await world.client.create(
        service(local + [("spec/rollout/maxUnavailable", 1)]), as: .managedServices)
    }
  }

  @Test func `a field that is not known is refused and not dropped`() async throws {
    try await with { world in
      let error = await failure { () throws(APIError) in
        try await world.client.create(
          service([("spec/rollout/canarry", 1)]), as: .managedServices)
      }
      #expect(error?.code == .badRequest)
      #expect(error?.detail.contains("spec.rollout.canarry") == true)
    }
  }

  @Test func `what a run has pinned never changes, and it is approved once`() async throws {
    try await with { world in
      _ = try await world.client.create(Documents.run(), as: .upgradeRuns)
      let run = ObjectReference(.upgradeRuns, "beacon-1", in: "shop")
      for (field, value) in [("to", "1.2.0" as JSONValue), ("plan", "{\"a\":1}"), ("from", "")] {
        let error = await failure { () throws(APIError) in
          try await world.client.patch(
            run, .merge(["spec": .object([JSONMember(field, value)])]))
        }
        #expect(error?.causes.map(\.field) == ["spec.\(field)"])
      }
      let approved = try await world.client.patch(run, .merge(["spec": ["approvedBy": "ann"]]))
      #expect(approved.body.value(at: "/spec/approvedBy") == "ann")
      let again = await failure { () throws(APIError) in
        try await world.client.patch(run, .merge(["spec": ["approvedBy": "bob"]]))
      }
      #expect(again?.causes.map(\.field) == ["spec.approvedBy"])
    }
  }

  @Test func `status is written apart from the wish`() async throws {
    try await with { world in
      let made = try await world.client.create(Documents.service(), as: .managedServices)
      let service = ObjectReference(.managedServices, "beacon", in: "shop")
      let status: JSONValue = [
        "observedGeneration": 1, "deployedVersion": "1.0.0",
        "conditions": [
          [
            "type": "Ready", "status": "True", "reason": "AllReady", "message": "",
            "lastTransitionTime": "2026-11-27T05:00:00Z", "observedGeneration": 1,
          ]
        ],
      ]
      let patched = try await world.client.patch(
        service, .merge(["status": status, "spec": ["policy": ["paused": true]]]),
        if: made.unchanged, subresource: "status")
      #expect(patched.body.value(at: "/status/deployedVersion") == "1.0.0")
      #expect(patched.body.value(at: "/spec/policy/paused") == false)
      #expect(patched.generation == 1)
      let read = try ManagedServiceStatus.read(patched.body["status"] ?? .null, at: "status")
      #expect(read.conditions?.first?.status == .yes)
      let wrong = await failure { () throws(APIError) in
        try await world.client.patch(
          service, .merge(["status": ["conditions": [["type": "Ready", "status": "Maybe"]]]]),
          subresource: "status")
      }
      #expect(wrong?.code == .invalid)
    }
  }
}
