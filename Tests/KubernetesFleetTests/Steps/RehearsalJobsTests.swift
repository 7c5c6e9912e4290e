import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Rehearsals of images: Jobs that hand a rehearsal on to each other, one server after the other.
@Suite(.serialized)
struct RehearsalJobsTests {
  private static let changes: [(path: String, value: JSONValue?)] = [
    ("fleet/deployment/port", 8_080),
    ("proof", ["scratchURLFrom": ["secretKeyRef": ["name": "scratch", "key": "url"]]]),
  ]

  private static let verdict = Verdict(
    judgement: .safe, checks: 9, coversRollback: true, evidence: ["all passed"])

  /// What the steps of a rehearsal with three servers do: each beginning is another generation.
  private static func good(_ pod: KubernetesObject, _ scope: StepScope) -> TestKubelet.Fate {
    guard let order = StepWorld.order(of: pod) else { return .ignore }
    var message = StepWorld.answer(to: order, scope)
    switch order {
    case .prove:
      let attempt = pod.labels[StepLabel.attempt] ?? "?"
      message.result = .waits(Steps.question(generation: "g\(attempt)"))
    case .goOn(_, let outcome):
      let next = outcome.turn + 1
      message.result =
        next < 3
        ? .waits(Steps.question(turn: next, generation: outcome.generation)) : .verdict(verdict)
    case .visit(let question):
      message.result = .visited("{\"of\":\"\(question.generation)-\(question.turn)\"}")
    default: break
    }
    return .end(code: 0, message: StepWorld.text(message))
  }

  /// Runs a test in a cluster that has the workload.
  private static func with(
    rate: Int64 = 20, through transport: StepTransport = StepTransport(),
    fate: @escaping @Sendable (KubernetesObject, StepScope) -> TestKubelet.Fate = good,
    _ body: @escaping @Sendable (StepWorld) async throws -> Void
  ) async throws {
    try await StepWorld.with(rate: rate, changes: changes, through: transport, fate: fate) {
      world in
      let workload: JSONValue = [
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": ["name": "beacon", "namespace": "shop"],
        "spec": [
          "replicas": 0, "selector": ["matchLabels": ["app": "beacon"]],
          "template": VisitPodTests.template.setting(["spec", "affinity"], to: nil)
            .setting(["spec", "topologySpreadConstraints"], to: nil),
        ],
      ]
      let answer = await world.cluster.host.respond(
        to: APIRequest(
          method: "POST", path: "/apis/apps/v1/namespaces/shop/deployments",
          headers: [
            HTTPHeader("Authorization", "Bearer kubelet-token"),
            HTTPHeader("Content-Type", "application/json"),
          ], body: workload.bytes))
      try #require(answer.status == 201, "\(answer)")
      try await body(world)
    }
  }

  /// The orders that pods have carried out, as short words, in the order of Jobs.
  private static func story(_ world: StepWorld) async throws -> [String] {
    let jobs = try await world.jobs()
    let orders = Dictionary(
      jobs.map { job in
        let words = (job.body.value(at: "/spec/template/spec/containers/0/args")?.array ?? [])
          .compactMap(\.string)
        let text = words.firstIndex(of: "--order").map { words[$0 + 1] } ?? ""
        return (job.name, StepOrder(text: text))
      }
    ) { first, _ in first }
    return world.kubelet.jobs.map { name in
      switch orders[name] ?? nil {
      case .prove?: "begin"
      case .goOn(_, let outcome)?: "on \(outcome.generation)-\(outcome.turn + 1)"
      case .visit(let question)?: "visit \(question.generation)-\(question.turn)"
      default: name
      }
    }
  }

  private static let whole = [
    "begin", "visit g1-0", "on g1-1", "visit g1-1", "on g1-2", "visit g1-2", "on g1-3",
  ]

  @Test func `a rehearsal goes from Job to Job to its verdict`() async throws {
    let heard = Mutex<[VisitOutcome]>([])
    try await Self.with { pod, scope in
      if case .goOn(_, let outcome)? = StepWorld.order(of: pod) {
        heard.withLock { $0.append(outcome) }
      }
      return Self.good(pod, scope)
    } _: { world in
      let verdict = try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      #expect(verdict == Self.verdict)
      #expect(try await Self.story(world) == Self.whole)
      #expect(heard.withLock { $0.map(\.account) } == (0...2).map { "{\"of\":\"g1-\($0)\"}" })
      #expect(heard.withLock { $0.map(\.server) } == [ServerEnd(), ServerEnd(), ServerEnd()])
      // Another daemon finds all of it done.
      let again = try await JobRehearsal(world.successor()).rehearse(Steps.plan(), on: "b")
      #expect(again == Self.verdict)
      #expect(world.kubelet.jobs.count == 7)
    }
  }

  @Test func `a server that its kubelet had to begin again is told of, with its last lines`()
    async throws
  {
    let heard = Shared<VisitOutcome?>(nil)
    try await Self.with { pod, scope in
      switch StepWorld.order(of: pod) {
      case .goOn(_, let outcome)?:
        heard.set(outcome)
        var message = StepWorld.answer(to: .prove("b"), scope)
        message = StepMessage(
          kind: .prove, plan: message.plan, order: StepOrder.goOn("b", after: outcome).digest,
          result: message.result)
        return .end(code: 3, message: StepWorld.text(message))
      case .visit?:
        guard case .end(_, let text, _) = Self.good(pod, scope) else { return .ignore }
        return .status([
          "phase": "Succeeded",
          "initContainerStatuses": [
            [
              "name": "server", "restartCount": 2,
              "state": ["terminated": ["exitCode": 143, "reason": "Error"]],
              "lastState": [
                "terminated": [
                  "exitCode": 3, "reason": "Error", "message": "panic: no such column: f.x",
                  "finishedAt": "2026-11-27T05:00:00Z",
                ]
              ],
            ]
          ],
          "containerStatuses": [
            [
              "name": "step", "restartCount": 0,
              "state": [
                "terminated": [
                  "exitCode": 0, "message": .string(text), "reason": "Completed",
                  "finishedAt": "2026-11-27T05:00:09Z",
                ]
              ],
            ]
          ],
        ])
      default: return Self.good(pod, scope)
      }
    } _: { world in
      _ = try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      let server = try #require(heard.value?.server)
      #expect(server.exitCode == 3 && server.output == "panic: no such column: f.x")
      #expect(heard.value?.account != nil)
    }
  }

  @Test func `a pod that is not cut off is an outcome, and its server was never asked`()
    async throws
  {
    let heard = Shared<VisitOutcome?>(nil)
    try await Self.with { pod, scope in
      switch StepWorld.order(of: pod) {
      case .goOn(_, let outcome)?:
        heard.set(outcome)
        return Self.good(pod, scope)
      case .visit(let question)? where question.turn == 0:
        var message = StepWorld.answer(to: .isolate([]), scope)
        message.failure = StepFailure(
          code: StepFailures.notIsolatedCode, disposition: .stop, message: "it can reach 10.0.0.1")
        return .status([
          "phase": "Failed",
          "initContainerStatuses": [
            [
              "name": "isolate", "restartCount": 0,
              "state": [
                "terminated": ["exitCode": 1, "message": .string(StepWorld.text(message))]
              ],
            ]
          ],
          "containerStatuses": [
            [
              "name": "step", "restartCount": 0,
              "state": ["waiting": ["reason": "PodInitializing"]],
            ]
          ],
        ])
      default: return Self.good(pod, scope)
      }
    } _: { world in
      _ = try? await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      let first = try #require(heard.value)
      #expect(first.turn == 2 || first.refusal != nil)
      let story = try await Self.story(world)
      #expect(story.prefix(3) == ["begin", "visit g1-0", "on g1-1"])
      let orders = try await world.jobs().compactMap { job -> VisitOutcome? in
        guard case .goOn(_, let outcome)? = StepWorld.order(of: job.podTemplate) else { return nil }
        return outcome
      }
      let refused = try #require(orders.first { $0.turn == 0 })
      #expect(refused.account == nil)
      #expect(refused.refusal?.hasPrefix("it can reach 10.0.0.1") == true)
    }
  }

  @Test(arguments: [false, true])
  func `a visit that was cut off is never made again: the rehearsal begins anew`(
    isSuccessor: Bool
  ) async throws {
    try await Self.with { pod, scope in
      if case .visit(let question)? = StepWorld.order(of: pod), question.generation == "g1",
        question.turn == 1
      {
        return .evict
      }
      return Self.good(pod, scope)
    } _: { world in
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      }
      #expect(failure?.code == "StepDisrupted" && failure?.disposition == .retry)
      let runner = isSuccessor ? world.successor() : world.runner
      let verdict = try await JobRehearsal(runner).rehearse(Steps.plan(), on: "b")
      #expect(verdict == Self.verdict)
      #expect(
        try await Self.story(world)
          == Self.whole.prefix(4) + Self.whole.map { $0.replacing("g1", with: "g2") })
    }
  }

  @Test func `nothing begins anew while a server of before may still work on the copies`()
    async throws
  {
    try await Self.with(rate: 120) { pod, scope in
      if case .visit? = StepWorld.order(of: pod) { return .run }
      return Self.good(pod, scope)
    } _: { world in
      let first = Task { try? await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b") }
      #expect(await eventually { world.kubelet.jobs.count == 2 })
      first.cancel()
      _ = await first.value
      // Somebody deletes the Job, and its pod stays.
      let job = try #require(try await world.jobs().first { $0.labels[StepLabel.step] == "visit" })
      _ = try await world.cluster.client.delete(
        ObjectReference(.jobs, job.name, in: "shop"), .orphan, if: Preconditions(uid: job.uid))
      let next = world.successor()
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobRehearsal(next).rehearse(Steps.plan(), on: "b")
      }
      #expect(failure?.code == "StepStillRunning", "\(String(describing: failure))")
      #expect(world.kubelet.jobs.count == 2)
      let pod = try #require(
        try await world.pods().first { $0.labels[StepLabel.step] == "visit" })
      await world.kubelet.end(pod, StepWorld.answer(to: .inspect, world.scope))
      let begun = Task { try? await JobRehearsal(next).rehearse(Steps.plan(), on: "b") }
      #expect(await eventually { world.kubelet.jobs.count == 4 })
      #expect(world.kubelet.jobs.dropFirst(2).first?.contains("-prove-") == true)
      begun.cancel()
      _ = await begun.value
    }
  }

  @Test(arguments: [3, 7, 11, 15, 19, 23, 27, 31, 35, 39])
  func `a daemon that dies at each moment leaves the next one to go on`(last: Int) async throws {
    let limit = Fuse(requests: last)
    let mortal = StepTransport { FusedTransport(carrier: $0, fuse: limit) }
    try await Self.with(through: mortal) { world in
      limit.light()
      let hasEnded = Shared(false)
      let dying = Task {
        _ = try? await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
        hasEnded.set(true)
      }
      #expect(await eventually { limit.isBlown || hasEnded.value })
      dying.cancel()
      _ = await dying.value
      limit.replace()
      let next = world.successor()
      let verdict = try await JobRehearsal(next).rehearse(Steps.plan(), on: "b")
      #expect(verdict == Self.verdict)
      #expect(try await Self.story(world) == Self.whole, "after \(last) requests")
    }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `whatever is lost, no server is visited twice on one copy`(seed: UInt64) async throws {
    let chaos = Chaos(seed: seed)
    try await Self.with(through: StepTransport { ChaoticTransport($0, chaos) }) { world in
      var verdict: Verdict?
      for turn in 0..<30 where verdict == nil {
        let runner = turn % 3 == 2 ? world.successor() : world.runner
        do throws(StepFailure) {
          verdict = try await JobRehearsal(runner).rehearse(Steps.plan(), on: "b")
        } catch {
          #expect(error.disposition != .stop, "seed \(seed): \(error)")
        }
      }
      #expect(verdict == Self.verdict, "seed \(seed)")
      _ = try await world.settledJobs(chaos)
      let visits = try await Self.story(world).filter { $0.hasPrefix("visit") }
      #expect(Set(visits).count == visits.count, "seed \(seed): \(visits)")
    }
  }

  @Test func `a workload without the container that is to be rehearsed is named`() async throws {
    try await StepWorld.with(changes: Self.changes, fate: Self.good) { world in
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      }
      #expect(failure?.code == "WorkloadMissing" && failure?.disposition == .wait)
      #expect(failure?.message.contains("deployments.apps shop/beacon") == true)
    }
  }
}

extension KubernetesObject {
  /// A pod as this Job's are made.
  fileprivate var podTemplate: KubernetesObject {
    KubernetesObject(body.value(at: "/spec/template") ?? .null)
  }
}
