import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What is particular to a Deployment.
struct DeploymentTests {
  private func order(
    _ id: EffectID, _ aim: WorkloadAim, _ which: ContractRelease = .second,
    _ world: WorkloadWorld
  ) async throws -> WorkloadOrder {
    let reading = try await world.connect().observe(remembering: [])
    return WorkloadOrder(
      id: id, run: "run", epoch: Epoch(1), aim: aim, release: ClusterWorkloadSubject.release(which),
      token: reading.token)
  }

  private func count(_ which: ContractRelease, _ world: WorkloadWorld) async -> Int {
    await world.pods().map { Pod(object: $0, container: "web") }.count {
      !$0.isEnded && !$0.object.isDeleting
        && $0.build == WorkloadWorld.images[which].flatMap { Digest(ofImage: $0) }
    }
  }

  @Test(arguments: 1...4, 0...3)
  func `surge and missing ones come to the bound and stop there for years`(
    surge: Int, good: Int
  ) async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let bound = WaveBound(good: good, surge: surge, unavailable: 0)
    try await world.connect().write(try await order("1", .wave(bound), .second, world))
    for _ in 0..<60 {
      try await world.pass(.milliseconds(400))
      #expect(await count(.second, world) <= bound.instances)
      #expect(await count(.first, world) >= 3 - good)
    }
    try await world.pass(.hours(24 * 365 * 3))
    #expect(await count(.second, world) == min(3, bound.instances))
    #expect(await count(.first, world) == 3 - good)
    let status = await world.live().body["status"]
    let available = status?["conditions"]?.array?.first { $0["type"] == "Available" }
    #expect(available?["status"] == "True")
  }

  @Test func `a wave of broken pods that somebody deletes over and over stays in its bound`()
    async throws
  {
    let world = try await WorkloadWorld.running(.deployment)
    let bound = WaveBound(good: 0, surge: 1, unavailable: 0)
    try await world.connect().write(try await order("1", .wave(bound), .broken, world))
    for _ in 0..<20 {
      try await world.pass(.seconds(5))
      for pod in await world.pods() {
        await world.send("DELETE", "\(PodRunner.namespace)/pods/\(pod.name)")
      }
      try await world.pass(.seconds(5))
      #expect(await count(.broken, world) <= 1)
      #expect(await count(.first, world) == 3)
    }
  }

  @Test func `no replicas are written, and no field besides those that orders need`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let bound = WaveBound(good: 0, surge: 1, unavailable: 0)
    try await world.connect().write(try await order("1", .wave(bound), .second, world))
    let own = FieldOwners(await world.live()).applied(by: "windlass")
    let spec = own?.fields["f:spec"]
    #expect(
      Set((spec?.object ?? []).map(\.name)) == [
        "f:minReadySeconds", "f:paused", "f:progressDeadlineSeconds", "f:strategy", "f:template",
      ])
    #expect(spec?["f:template"]?["f:spec"]?.object?.map(\.name) == ["f:containers"])
  }

  @Test func `without adoption nothing is written, and the message names manager and fix`()
    async throws
  {
    for (manager, fix) in [
      ("helm", "Leave these fields out of the chart"),
      ("argocd-controller", "RespectIgnoreDifferences=true"), ("agent", "Let agent leave"),
    ] {
      let world = try await WorkloadWorld.running(.deployment, adopted: false)
      let other = "registry.example/web@sha256:" + String(repeating: "9", count: 64)
      await world.update(
        [
          "spec": [
            "template": ["spec": ["containers": [["name": "web", "image": .string(other)]]]]
          ]
        ], by: manager)
      let order = try await order("1", .whole, .second, world)
      for adopts in [false, true] {
        let failed = await stepFailure {
          try await world.connect(adopts: adopts).write(order)
        }
        #expect(failed?.code == "FieldsOwned")
        #expect(failed?.disposition == .wait)
        #expect(failed?.message.contains("image is managed by \(manager)") == true)
        #expect(failed?.message.contains(fix) == true)
      }
      #expect(try await world.connect().observe(remembering: []).template.mark == nil)
    }
  }

  @Test func `what was adopted is taken once, and a later write of the same manager is respected`()
    async throws
  {
    let world = try await WorkloadWorld.running(.deployment)
    let record = try await world.connect().adopt()
    #expect(record.values.allSatisfy { $0 == ["agent"] })
    #expect(record.keys.contains(".spec.template.spec.containers[name=\"web\"].image"))
    try await world.connect().write(try await order("1", .whole, .second, world))
    try await world.pass(.minutes(5))
    #expect(await count(.second, world) == 3)
    let image: JSONValue = .string(WorkloadWorld.images[.first] ?? "")
    await world.update(
      ["spec": ["template": ["spec": ["containers": [["name": "web", "image": image]]]]]],
      by: "agent")
    let order = try await order("2", .whole, .broken, world)
    let failed = await stepFailure { try await world.connect().write(order) }
    #expect(failed?.code == "FieldsOwned")
    #expect(try await world.connect().adopt() == record)
  }

  @Test func `without the person's word an adoption on record takes nothing`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let order = try await order("1", .whole, .second, world)
    let failed = await stepFailure { try await world.connect(adopts: false).write(order) }
    #expect(failed?.code == "FieldsOwned")
  }

  @Test func `a pause of somebody else is not ended`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    try await world.connect().write(
      try await order("1", .wave(WaveBound(good: 0, surge: 1, unavailable: 0)), .second, world))
    await world.update(["spec": ["paused": true]])
    let order = try await order("2", .whole, .second, world)
    let failed = await stepFailure { try await world.connect().write(order) }
    #expect(failed?.code == "FieldsOwned")
    #expect(failed?.message.contains(".spec.paused is managed by somebody") == true)
    #expect(await world.live().body["spec"]?["paused"] == true)
  }

  @Test func `a bound that replaces nothing is refused before anything is sent`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let order = try await order(
      "1", .wave(WaveBound(good: 0, surge: 0, unavailable: 0)), .second, world)
    let failed = await stepFailure { try await world.connect().write(order) }
    #expect(failed?.code == "BoundTooNarrow")
    #expect(failed?.disposition == .stop)
  }

  @Test func `a container that the pods do not have is told at each look, and is not added`()
    async throws
  {
    let world = try await WorkloadWorld.running(.deployment)
    let order = try await order("1", .whole, .second, world)
    let place = WorkloadPlace(.deployment, "web", in: "shop", container: "app")
    let port = ClusterWorkload(place, of: try world.client(), prober: EchoProber())
    let read = await stepFailure { _ = try await port.observe(remembering: []) }
    #expect(read?.code == "ContainerMissing" && read?.message.contains(" app.") == true)
    let failed = await stepFailure { try await port.write(order) }
    #expect(failed?.code == "ContainerMissing")
    let containers = await world.live().body.value(
      behind: ["spec", "template", "spec", "containers"])?.array
    #expect(containers?.count == 1)
  }

  @Test func `a workload that was made anew under its name is never written by an old order`()
    async throws
  {
    let world = try await WorkloadWorld.running(.deployment)
    let order = try await order("1", .whole, .second, world)
    let old = await world.live()
    await world.send("DELETE", "\(world.collection)/web?propagationPolicy=Background")
    try await world.pass(.minutes(1))
    let missing = await stepFailure { try await world.connect().write(order) }
    #expect(missing?.code == "WorkloadMissing")
    await world.send(
      "POST", world.collection,
      JSONValue.object([
        JSONMember(
          "metadata",
          ["name": "web", "annotations": old.metadata["annotations"] ?? .object([])]),
        JSONMember("spec", old.body["spec"] ?? .null),
      ]))
    let failed = await stepFailure { try await world.connect().write(order) }
    #expect(failed?.code == "WorkloadChanged")
  }

  @Test func `a copy of a workload carries no order of the one it was copied from`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    try await world.connect().write(try await order("1", .whole, .second, world))
    let old = await world.live()
    await world.send("DELETE", "\(world.collection)/web?propagationPolicy=Background")
    try await world.pass(.minutes(1))
    await world.send(
      "POST", world.collection,
      JSONValue.object([
        JSONMember(
          "metadata",
          ["name": "web", "annotations": old.metadata["annotations"] ?? .object([])]),
        JSONMember("spec", old.body["spec"] ?? .null),
      ]))
    let reading = try await world.connect().observe(remembering: [])
    #expect(reading.template.mark == nil)
    #expect(reading.template.editor == nil)
  }

  @Test func `a mark that somebody spoiled stops everything`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let order = try await order("1", .whole, .second, world)
    try await world.connect().write(order)
    await world.update(["metadata": ["annotations": [WorkloadAnnotation.order: "{}"]]])
    let read = await stepFailure { _ = try await world.connect().observe(remembering: []) }
    #expect(read?.code == "MarkUnreadable")
    #expect(read?.disposition == .wait)
    let written = await stepFailure { try await world.connect().write(order) }
    #expect(written?.code == "MarkUnreadable")
  }

  @Test func `pods of a ReplicaSet that somebody deleted from over them are read all the same`()
    async throws
  {
    let world = try await WorkloadWorld.running(.deployment)
    let sets = await world.send("GET", "/apis/apps/v1/namespaces/shop/replicasets")["items"]?.array
    let name = sets?.first?["metadata"]?["name"]?.string ?? ""
    await world.send(
      "DELETE", "/apis/apps/v1/namespaces/shop/replicasets/\(name)?propagationPolicy=Orphan")
    try await world.pass(.minutes(1))
    let pods = await world.pods()
    #expect(pods.count >= 3)
    let reading = try await world.connect().observe(remembering: [])
    #expect(Set(reading.instances.map(\.id)) == Set(pods.map { PodIdentity($0).instance }))
  }

  @Test func `pods of another workload are never read`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let labels: JSONValue = ["app": "web", "part": "jobs"]
    let spec: JSONValue = ["containers": [["name": "web", "image": "other"]]]
    await world.send(
      "POST", "/apis/apps/v1/namespaces/shop/deployments",
      [
        "metadata": ["name": "web-jobs"],
        "spec": [
          "selector": ["matchLabels": labels],
          "template": ["metadata": ["labels": labels], "spec": spec],
        ],
      ])
    try await world.pass(.minutes(1))
    #expect(await world.pods().count == 4)
    #expect(try await world.connect().observe(remembering: []).instances.count == 3)
  }

  @Test func `a quota that leaves no room is told in the controller's words`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    await world.plan(ClusterFault(.exceedQuota, verbs: ["create"], resource: "pods"))
    try await world.connect().write(
      try await order("1", .wave(WaveBound(good: 0, surge: 1, unavailable: 0)), .second, world))
    try await world.pass(.minutes(1))
    let reading = try await world.connect().observe(remembering: [])
    #expect(reading.refusal?.contains("exceeded quota") == true)
    #expect(reading.isTakenIn)
    #expect(await count(.first, world) == 3)
  }
}
