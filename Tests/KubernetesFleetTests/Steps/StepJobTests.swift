import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What Jobs of steps look like.
struct StepJobTests {
  private func pod(_ order: StepOrder) throws -> JSONValue {
    try #require(try Steps.job(order).object.body.value(at: "/spec/template/spec"))
  }

  private func containers(_ pod: JSONValue) -> [JSONValue] {
    ["initContainers", "containers"].flatMap { pod[$0]?.array ?? [] }
  }

  @Test func `every kind has an order here`() {
    #expect(Set(Steps.all.map(\.kind)) == Set(StepKind.allCases))
  }

  @Test(arguments: Steps.all)
  func `no Job makes a second attempt, lives without bound, or is swept before it was read`(
    order: StepOrder
  ) throws {
    let spec = try #require(try Steps.job(order).object.body["spec"])
    #expect(spec["backoffLimit"] == 0)
    #expect(spec["podReplacementPolicy"] == "Failed")
    #expect(spec["ttlSecondsAfterFinished"] == nil)
    let deadline = try #require(spec["activeDeadlineSeconds"]?.integer)
    #expect(deadline * 1_000 == order.kind.deadline.milliseconds)
    #expect(spec.value(at: "/template/spec/activeDeadlineSeconds")?.integer == deadline)
    #expect(spec.value(at: "/template/spec/restartPolicy") == "Never")
  }

  @Test(arguments: Steps.all.filter { $0.kind != .visit })
  func `each container obeys the restricted standard and gets no token`(order: StepOrder) throws {
    let pod = try pod(order)
    #expect(pod["automountServiceAccountToken"] == false)
    #expect(pod.value(at: "/securityContext/runAsNonRoot") == true)
    #expect(pod.value(at: "/securityContext/seccompProfile/type") == "RuntimeDefault")
    let containers = containers(pod)
    #expect(!containers.isEmpty)
    for container in containers {
      let context = try #require(container["securityContext"])
      #expect(context["allowPrivilegeEscalation"] == false)
      #expect(context["readOnlyRootFilesystem"] == true)
      #expect(context.value(at: "/capabilities/drop") == ["ALL"])
      #expect(container.value(at: "/resources/limits/memory") != nil)
      #expect(container["envFrom"] == nil)
    }
    #expect(pod["hostNetwork"] == nil && pod["hostPID"] == nil)
    for volume in pod["volumes"]?.array ?? [] { #expect(volume["hostPath"] == nil) }
  }

  @Test(arguments: Steps.all)
  func `the claim is mounted where it is needed alone`(order: StepOrder) throws {
    let pod = try pod(order)
    let wanted: Set<StepKind> = [
      .prepare, .backUp, .verify, .checkBackup, .prove, .expand, .backfill, .contract, .prune,
    ]
    let claims = (pod["volumes"]?.array ?? []).compactMap {
      $0.value(at: "/persistentVolumeClaim/claimName")?.string
    }
    let mounts = containers(pod).flatMap { $0["volumeMounts"]?.array ?? [] }
    let hasMount = mounts.contains { $0["mountPath"]?.string == StepPaths.volume }
    #expect(claims == (wanted.contains(order.kind) ? ["beacon-backups"] : []))
    #expect(hasMount == wanted.contains(order.kind))
  }

  @Test(arguments: Steps.all.filter { $0.kind != .visit })
  func `a URL comes from a Secret, and only to steps that need one`(order: StepOrder) throws {
    for container in containers(try pod(order)) {
      let urls = (container["env"]?.array ?? []).filter { $0["valueFrom"] != nil }
      for variable in urls {
        #expect(variable.value(at: "/valueFrom/secretKeyRef/name") == "beacon-db")
        #expect(variable["value"] == nil)
      }
      #expect(urls.isEmpty == (order.kind.role == nil))
    }
  }

  @Test func `each step has the rights of its role`() throws {
    let role = { (name: String) -> JSONValue in
      ["urlFrom": ["secretKeyRef": ["name": .string("beacon-\(name)"), "key": "url"]]]
    }
    let roles: JSONValue = [
      "backup": role("backup"), "migrate": role("migrate"), "probe": role("probe"),
    ]
    let scope = try Steps.scope([("database/roles", roles)])
    for order in Steps.all {
      let job = StepJob(scope: scope, order: order, attempt: 1, image: "beacon@sha256:0")
      let containers = containers(
        try #require(job.object.body.value(at: "/spec/template/spec")))
      let names = Set(
        containers.flatMap { $0["env"]?.array ?? [] }.compactMap {
          $0.value(at: "/valueFrom/secretKeyRef/name")?.string
        })
      #expect(names == (order.kind.role.map { ["beacon-\($0.rawValue)"] } ?? []))
    }
  }

  @Test func `the server of scratch copies is told to what makes copies`() throws {
    let scope = try Steps.scope([
      ("proof/scratchURLFrom", ["secretKeyRef": ["name": "scratch", "key": "url"]])
    ])
    for order in Steps.all {
      let job = StepJob(scope: scope, order: order, attempt: 1, image: "beacon@sha256:0")
      let text = job.object.body.text
      #expect(
        text.contains(StepVariables.scratch)
          == [.verify, .prove, .visit, .prune].contains(order.kind))
    }
  }

  @Test func `replicas are told to what checks before a run and to backfills`() throws {
    let replica = { (name: String) -> JSONValue in
      ["urlFrom": ["secretKeyRef": ["name": .string(name), "key": "url"]]]
    }
    let scope = try Steps.scope([
      ("database/engine", "mysql"), ("database/replicas", [replica("near"), replica("far")]),
    ])
    for order in Steps.all {
      let job = StepJob(scope: scope, order: order, attempt: 1, image: "beacon@sha256:0")
      let pod = try #require(job.object.body.value(at: "/spec/template/spec"))
      let told = containers(pod).flatMap { $0["env"]?.array ?? [] }.compactMap {
        variable -> String? in
        guard let name = variable["name"]?.string, name.contains("REPLICA"),
          let secret = variable.value(at: "/valueFrom/secretKeyRef/name")?.string
        else { return nil }
        return "\(name) \(secret)"
      }
      #expect(
        told
          == ([.preflight, .backfill].contains(order.kind)
            ? ["WINDLASS_REPLICA_URL_1 near", "WINDLASS_REPLICA_URL_2 far"] : []))
    }
  }

  @Test func `a name is the same for the same attempt, and for no other`() throws {
    var names: Set<String> = []
    let runs: [RunID] = [
      "beacon-1", "beacon-2", "Beacon_2", "beacon.2", RunID(String(repeating: "long-", count: 40)),
      RunID(String(repeating: "long-", count: 41)), "ß",
    ]
    for run in runs {
      let scope = try Steps.scope(plan: Steps.plan(run))
      for order in Steps.all {
        for attempt in [1, 2, 10, 123] {
          let job = StepJob(scope: scope, order: order, attempt: attempt)
          let name = job.name
          #expect(name.utf8.count <= 63)
          #expect(name.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?/) != nil, "\(name)")
          #expect(job.name == name)
          #expect(names.insert(name).inserted, "\(name) twice")
          for value in job.labels.values {
            #expect(value.utf8.count <= 63)
            #expect(value.wholeMatch(of: /([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?/) != nil)
          }
        }
      }
    }
  }

  @Test func `the plan can't be changed and goes with its run`() throws {
    let scope = try Steps.scope()
    let map = scope.configMap
    #expect(map.body["immutable"] == true)
    #expect(map.metadata["ownerReferences"]?.array?.first?["uid"] == "run-uid")
    let text = try #require(map.body.value(at: "/data/plan.json")?.string)
    let read = try StepDocument(Array(text.utf8), digest: scope.document.digest)
    #expect(read == scope.document)
    #expect(throws: StepDocument.Unreadable.self) {
      try StepDocument(Array((text + " ").utf8), digest: scope.document.digest)
    }
    #expect(map.name.utf8.count <= 63)
  }

  @Test func `the program is told plan, digest and order, and reads the same order`() throws {
    for order in Steps.all where order.kind != .command {
      let pod = try pod(order)
      let words = (pod.value(at: "/containers/0/args")?.array ?? []).compactMap(\.string)
      #expect(words.prefix(2) == ["step", order.kind.rawValue])
      let value = { (option: String) in
        words.firstIndex(of: option).map { words[$0 + 1] }
      }
      #expect(value("--plan-digest") == "sha256:\(try Steps.scope().document.digest)")
      #expect(StepOrder(text: try #require(value("--order"))) == order)
    }
  }

  @Test func `the service's own command waits for the fence and sees its database alone`() throws {
    let scope = try Steps.scope([
      ("migrations", ["command": ["flipt", "migrate"]])
    ])
    let job = StepJob(
      scope: scope, order: .command(Steps.order()), attempt: 1, image: "flipt@sha256:1")
    let pod = try #require(job.object.body.value(at: "/spec/template/spec"))
    let fence = try #require(pod.value(at: "/initContainers/0"))
    #expect(fence.value(at: "/args/1") == "check-fence")
    let command = try #require(pod.value(at: "/containers/0"))
    #expect(command["image"] == "flipt@sha256:1")
    #expect(command["command"] == ["flipt", "migrate"])
    let names = (command["env"]?.array ?? []).compactMap { $0["name"]?.string }
    #expect(names == ["HOME", "TMPDIR", "BEACON_DB", "PGOPTIONS"])
  }

  @Test func `a database that is a file is mounted on the node of its instances`() throws {
    let scope = try Steps.scope {
      $0.databaseVolume = StepVolume(claim: "beacon-data", mountPath: "/data")
      $0.node = "node-a"
    }
    let job = StepJob(scope: scope, order: .inspect, attempt: 1)
    let pod = try #require(job.object.body.value(at: "/spec/template/spec"))
    #expect(pod["affinity"]?.text.contains("node-a") == true)
    #expect(pod["volumes"]?.text.contains("beacon-data") == true)
    #expect(pod.value(at: "/containers/0/volumeMounts")?.text.contains("/data") == true)
  }
}
