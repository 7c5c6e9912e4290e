import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Steps as Jobs of the simulated cluster, whose pods a test runs.
@Suite(.serialized)
struct StepRunnerTests {
  @Test func `each port's call is one Job, and its outcome comes back`() async throws {
    try await StepWorld.with { world in
      let database = JobDatabase(world.runner)
      let backups = JobBackups(world.runner)
      #expect(try await database.takeFence(after: Epoch(6), run: "beacon-1") == Epoch(7))
      #expect(try await database.inspect().epoch == Epoch(7))
      try await database.preflight(Steps.plan())
      let receipt = try await backups.backUp("b", run: "beacon-1", purpose: .beforeExpand)
      #expect(try await backups.verify("b") == receipt)
      #expect(try await backups.receipt(of: "b") == receipt)
      let verdict = try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      #expect(verdict.judgement == .safe)
      try await JobArtifacts(world.runner).prepare(Steps.plan().target)
      #expect(try await database.apply(Steps.order()) { _ in true } == nil)
      try await database.recordCommitPoint("beacon-1", epoch: Epoch(7))
      try await backups.prune(keep: 5, protecting: ["beacon-1"])
      #expect(world.kubelet.jobs.count == 11)
      // Readings go when they are read; the others stay with their run.
      let kinds = try await world.jobs().compactMap { $0.labels[StepLabel.step] }
      #expect(
        kinds.sorted() == [
          "back-up", "commit", "expand", "fence", "prepare", "prove", "prune", "verify",
        ])
    }
  }

  @Test func `what a step says of its failure is what the caller hears`() async throws {
    let said = StepFailure(
      code: "SchemaDrift", disposition: .stop, message: "the schema drifted: mend it",
      blamesRelease: true)
    try await StepWorld.with { pod, scope in
      guard let order = StepWorld.order(of: pod) else { return .ignore }
      var message = StepWorld.answer(to: order, scope)
      message.failure = said
      return .end(code: 6, message: StepWorld.text(message))
    } _: { world in
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobDatabase(world.runner).preflight(Steps.plan())
      }
      #expect(failure?.code == "SchemaDrift")
      #expect(failure?.disposition == .stop)
      #expect(failure?.blamesRelease == true)
      #expect(failure?.message.hasPrefix("the schema drifted: mend it (Job shop/beacon-1-") == true)
    }
  }

  @Test func `a step that failed is tried anew at once, whatever its Job's status says`()
    async throws
  {
    let attempts = Mutex(0)
    try await StepWorld.with { pod, scope in
      guard let order = StepWorld.order(of: pod) else { return .ignore }
      var message = StepWorld.answer(to: order, scope)
      let attempt = attempts.withLock { attempts in
        attempts += 1
        return attempts
      }
      guard attempt < 3 else { return .end(code: 0, message: StepWorld.text(message)) }
      message.failure = StepFailure(
        code: "DatabaseBusy", disposition: .retry, message: "attempt \(attempt)")
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      for attempt in 1...2 {
        let failure = await stepFailure { () throws(StepFailure) in
          try await JobBackups(world.runner).verify("b")
        }
        #expect(failure?.message.hasPrefix("attempt \(attempt)") == true, "\(attempt)")
      }
      let receipt = try await JobBackups(world.runner).verify("b")
      #expect(receipt.isVerified)
      #expect(attempts.withLock { $0 } == 3)
    }
  }

  @Test func `nobody takes the fence while the service's own command may run`() async throws {
    let changes: [(path: String, value: JSONValue?)] = [
      ("migrations", ["command": ["beacon", "migrate"]])
    ]
    try await StepWorld.with(changes: changes) { pod, scope in
      if pod.labels[StepLabel.step] == "command" { return .run }
      return StepWorld.good(pod, scope)
    } _: { world in
      let command = Task {
        _ = try? await world.runner.perform(.command(Steps.order()), image: "beacon@sha256:0")
      }
      #expect(await eventually { !world.kubelet.jobs.isEmpty })
      let next = JobDatabase(world.successor())
      let failure = await stepFailure { () throws(StepFailure) in
        try await next.takeFence(after: Epoch(7), run: "beacon-1")
      }
      #expect(failure?.code == "StepStillRunning" && failure?.disposition == .wait)
      let pod = try #require(
        try await world.pods().first { $0.labels[StepLabel.step] == "command" })
      await world.kubelet.end(pod, StepWorld.answer(to: .inspect, world.scope))
      #expect(try await next.takeFence(after: Epoch(7), run: "beacon-1") == Epoch(8))
      command.cancel()
      await command.value
    }
  }

  @Test func `an unsafe verdict of a Job that failed is a verdict`() async throws {
    try await StepWorld.with { pod, scope in
      guard let order = StepWorld.order(of: pod) else { return .ignore }
      var message = StepWorld.answer(to: order, scope)
      message.result = .verdict(
        Verdict(judgement: .unsafe, checks: 2, coversRollback: false, evidence: ["it broke"]))
      return .end(code: 3, message: StepWorld.text(message))
    } _: { world in
      let verdict = try await JobRehearsal(world.runner).rehearse(Steps.plan(), on: "b")
      #expect(verdict.judgement == .unsafe)
      #expect(verdict.evidence == ["it broke"])
    }
  }

  @Test func `a backfill goes on in another Job until it is told to stop, and then tells how far`()
    async throws
  {
    let slices = Mutex(0)
    var order = Steps.order()
    order.migration.phase = .backfill
    let backfill = order
    try await StepWorld.with { pod, scope in
      guard let order = StepWorld.order(of: pod) else { return .ignore }
      var message = StepWorld.answer(to: order, scope)
      let slice = slices.withLock { slices in
        slices += 1
        return slices
      }
      if slice < 4 {
        message.result = .advanced(
          BackfillProgress(migration: 2, table: "t", key: "id", rowsWalked: Int64(slice)))
      }
      return .end(code: 0, message: StepWorld.text(message))
    } _: { world in
      let database = JobDatabase(world.runner)
      let progress = try await database.apply(backfill) { $0.rowsWalked < 2 }
      #expect(progress?.rowsWalked == 2)
      #expect(try await database.apply(backfill) { _ in true } == nil)
      #expect(slices.withLock { $0 } == 4)
      let attempts = try await world.jobs().compactMap { $0.labels[StepLabel.attempt] }
      #expect(attempts.sorted() == ["1", "2", "3", "4"])
    }
  }

  // MARK: - The server fails

  @Test(arguments: ["configmaps", "jobs.batch"], ["create", "get", "list"])
  func `a lost reply makes no second Job`(resource: String, verb: String) async throws {
    try await StepWorld.with { world in
      await world.disturb(
        ClusterFault(.loseReply, verbs: [verb], resource: resource, user: "admin", when: .first(2)))
      _ = try await JobBackups(world.runner).backUp(
        "b", run: "beacon-1", purpose: .beforeExpand)
      #expect(world.kubelet.jobs.count == 1)
      #expect(try await world.jobs().count == 1)
    }
  }

  @Test(arguments: [409, 429, 500, 503])
  func `a refusal that passes is outlived`(status: Int) async throws {
    try await StepWorld.with { world in
      await world.disturb(
        ClusterFault(
          .refuse(status: status, retryAfterSeconds: status == 429 ? 1 : nil), user: "admin",
          when: .only(2)),
        ClusterFault(
          .refuse(status: status, retryAfterSeconds: status == 429 ? 1 : nil),
          resource: "jobs.batch", user: "admin", when: .first(2)))
      // What the client does not repeat by itself is for whoever retries steps.
      var failures: [String] = []
      for _ in 0..<4 {
        do throws(StepFailure) {
          _ = try await JobBackups(world.runner).backUp(
            "b", run: "beacon-1", purpose: .beforeExpand)
          break
        } catch {
          failures.append(error.code)
          #expect(error.disposition == .retry, "\(error)")
        }
      }
      #expect(failures.count <= 2, "\(failures)")
      #expect(world.kubelet.jobs.count == 1)
      #expect(await world.strikes() >= 2)
    }
  }

  @Test func `a watch that sees nothing, late or twice changes nothing`() async throws {
    try await StepWorld.with { world in
      await world.disturb(
        ClusterFault(.dropEvent(1), verbs: ["watch"], user: "admin"),
        ClusterFault(.duplicateEvent(2), verbs: ["watch"], user: "admin"),
        ClusterFault(.delayEvent(3), verbs: ["watch"], user: "admin"),
        ClusterFault(.expireEvent(4), verbs: ["watch"], user: "admin"),
        ClusterFault(.stale(version: 1), user: "admin"))
      _ = try await JobBackups(world.runner).backUp(
        "b", run: "beacon-1", purpose: .beforeExpand)
      _ = try await JobBackups(world.runner).verify("b")
      #expect(world.kubelet.jobs.count == 2)
    }
  }

  @Test func `without a watch the end is found by reading`() async throws {
    try await StepWorld.with(follows: false) { world in
      _ = try await JobBackups(world.runner).verify("b")
      #expect(world.kubelet.jobs.count == 1)
    }
  }

  @Test(arguments: [
    (ClusterFault.Kind.exceedQuota, "StepForbidden", Disposition.wait),
    (.forbid, "StepForbidden", .wait),
    (.reject("no Jobs on Fridays"), "StepRefused", .stop),
  ])
  func `who refuses a Job is named, and what to do`(
    kind: ClusterFault.Kind, code: String, disposition: Disposition
  ) async throws {
    try await StepWorld.with { world in
      await world.disturb(
        ClusterFault(kind, verbs: ["create"], resource: "jobs.batch", user: "admin"))
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobBackups(world.runner).verify("b")
      }
      let found = try #require(failure)
      #expect(found.message.hasPrefix("The Job shop/beacon-1-verify-"))
      if case .reject = kind {
        #expect(["StepRefused", "StepForbidden"].contains(found.code), "\(found)")
      } else {
        #expect(found.code == code, "\(found)")
        #expect(found.disposition == disposition)
      }
      #expect(world.kubelet.jobs.isEmpty)
    }
  }

  // MARK: - The daemon dies

  @Test func `a Job that a dead daemon made is waited for, and not made again`() async throws {
    try await StepWorld.with { pod, scope in
      .run
    } _: { world in
      let first = Task { try? await JobBackups(world.runner).verify("b") }
      #expect(await eventually { !world.kubelet.jobs.isEmpty })
      first.cancel()
      _ = await first.value
      let next = world.successor()
      async let receipt = JobBackups(next).verify("b")
      let pod = try #require(try await world.pods().first)
      let order = try #require(StepWorld.order(of: pod))
      await world.kubelet.end(pod, StepWorld.answer(to: order, world.scope))
      #expect(try await receipt.isVerified)
      #expect(try await world.jobs().count == 1)
    }
  }

  @Test func `a success that nobody heard of is heard of later, and once`() async throws {
    try await StepWorld.with { world in
      let job = StepJob(scope: world.scope, order: .prove("b"), attempt: 1)
      _ = try await world.cluster.client.create(world.scope.configMap, as: .configMaps)
      _ = try await world.cluster.client.create(job.object, as: .jobs)
      #expect(
        await eventually {
          let found = try? await world.cluster.client.get(job.reference)
          return found?.body.value(at: "/status/succeeded") == 1
        })
      let rehearsal = JobRehearsal(world.successor())
      #expect(try await rehearsal.rehearse(Steps.plan(), on: "b").judgement == .safe)
      #expect(world.kubelet.jobs.count == 1)
      // Asked again it is done again: whoever asks wants to know what is now.
      _ = try await rehearsal.rehearse(Steps.plan(), on: "b")
      #expect(world.kubelet.jobs.count == 2)
    }
  }

  @Test func `what was read before is read anew`() async throws {
    try await StepWorld.with { pod, scope in
      guard let order = StepWorld.order(of: pod) else { return .ignore }
      var message = StepWorld.answer(to: order, scope)
      message.failure = StepFailure(
        code: "LongTransaction", disposition: .retry, message: "somebody is slow")
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      for _ in 0..<6 {
        _ = await stepFailure { () throws(StepFailure) in
          try await JobDatabase(world.successor()).preflight(Steps.plan())
        }
      }
      #expect(world.kubelet.jobs.count == 6)
      #expect(Set(world.kubelet.jobs).count == 6)
      // Failed readings are kept to be looked at, but not for ever.
      let kept = try await world.jobs().count
      #expect(kept <= 1 + StepBounds.failedReadingsKept)
    }
  }

  @Test func `a Job of that name that is not ours is an error that names it`() async throws {
    try await StepWorld.with { world in
      let job = StepJob(scope: world.scope, order: .verify("b"), attempt: 1)
      let other = try Steps.scope(plan: Steps.plan("beacon-2"), owner: world.scope.owner)
      var body = StepJob(scope: other, order: .verify("b"), attempt: 1).object.body
      body = body.setting(["metadata", "name"], to: .string(job.name))
      _ = try await world.cluster.client.create(KubernetesObject(body), as: .jobs)
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobBackups(world.runner).verify("b")
      }
      #expect(failure?.code == "StepNameTaken")
      #expect(failure?.disposition == .stop)
      #expect(failure?.message.contains(job.name) == true)
    }
  }

  @Test func `a ConfigMap that holds another plan is an error`() async throws {
    try await StepWorld.with { world in
      let body = world.scope.configMap.body.setting(["data", "plan.json"], to: "{}")
      _ = try await world.cluster.client.create(KubernetesObject(body), as: .configMaps)
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobBackups(world.runner).verify("b")
      }
      #expect(failure?.code == "StepNameTaken")
      #expect(try await world.jobs().isEmpty)
    }
  }
}
