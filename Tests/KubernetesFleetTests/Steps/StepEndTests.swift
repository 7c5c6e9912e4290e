import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Every end of a Job that says nothing: each is a failure with a code, a disposition and a
/// sentence that names the Job.
@Suite(.serialized)
struct StepEndTests {
  /// Runs one step whose pods meet that fate.
  private func failure(
    _ fate: TestKubelet.Fate, order: StepOrder = .verify("b"), rate: Int64 = 60
  ) async throws -> StepFailure {
    let found = Shared<StepFailure?>(nil)
    try await StepWorld.with(rate: rate) { _, _ in
      fate
    } _: { world in
      found.set(
        await stepFailure { () throws(StepFailure) in try await world.runner.perform(order) })
    }
    let failure = try #require(found.value)
    #expect(failure.message.contains("The Job shop/beacon-1-\(order.kind.rawValue)-"))
    #expect(!failure.blamesRelease)
    return failure
  }

  @Test func `a crash is tried again`() async throws {
    let failure = try await failure(.end(code: 134, message: "", reason: "Error"))
    #expect(failure.code == "StepCrashed" && failure.disposition == .retry)
    #expect(failure.message.contains("exit code 134"))
  }

  @Test func `words that are no message are a crash`() async throws {
    let failure = try await failure(.end(code: 1, message: "panic: no", reason: "Error"))
    #expect(failure.code == "StepCrashed")
  }

  @Test func `success without a word is no success`() async throws {
    let failure = try await failure(.end(code: 0, message: ""))
    #expect(failure.code == "StepCrashed" && failure.disposition == .retry)
  }

  @Test func `a program that does not understand is not asked again`() async throws {
    let failure = try await failure(.end(code: 2, message: "", reason: "Error"))
    #expect(failure.code == "StepNotUnderstood" && failure.disposition == .stop)
  }

  @Test func `too little memory needs a person`() async throws {
    let failure = try await failure(.end(code: 137, message: "", reason: "OOMKilled"))
    #expect(failure.code == "StepOutOfMemory" && failure.disposition == .stop)
  }

  @Test func `an eviction is tried again`() async throws {
    let failure = try await failure(.evict)
    #expect(failure.code == "StepDisrupted" && failure.disposition == .retry)
    #expect(failure.message.contains("Evicted"))
  }

  @Test(arguments: [
    ("ImagePullBackOff", "StepImageNotPulled"), ("ErrImagePull", "StepImageNotPulled"),
    ("CreateContainerConfigError", "StepNotStarted"),
  ])
  func `what keeps a pod from beginning is told, and the Job is ended`(
    reason: String, code: String
  ) async throws {
    let failure = try await failure(.wait(reason, detail: "manifest unknown"))
    #expect(failure.code == code && failure.disposition == .wait)
    #expect(failure.message.contains(reason))
    #expect(failure.message.contains("manifest unknown"))
  }

  @Test func `a pod that no node takes is told`() async throws {
    let failure = try await failure(.unschedulable, rate: 300)
    #expect(failure.code == "StepUnschedulable" && failure.disposition == .wait)
    #expect(failure.message.contains("0/3 nodes"))
  }

  @Test func `a step that takes too long is ended by the cluster`() async throws {
    let failure = try await failure(.run, order: .commit("beacon-1", epoch: Epoch(7)), rate: 400)
    #expect(failure.code == "StepOverdue" && failure.disposition == .stop)
  }

  @Test func `a message for another plan or order is not believed`() async throws {
    let scope = try Steps.scope()
    var other = StepWorld.answer(to: .verify("b"), scope)
    other.plan = Steps.digest
    let first = try await failure(.end(code: 0, message: StepWorld.text(other)))
    #expect(first.code == "StepMessageForeign" && first.disposition == .stop)
    let second = try await failure(
      .end(code: 0, message: StepWorld.text(StepWorld.answer(to: .verify("c"), scope))))
    #expect(second.code == "StepMessageForeign")
  }

  // MARK: - Deletion

  @Test func `a Job that somebody deletes is over when its pod is, and then begins anew`()
    async throws
  {
    try await StepWorld.with(rate: 60) { _, _ in
      .run
    } _: { world in
      async let failure = stepFailure { () throws(StepFailure) in
        try await world.runner.perform(.verify("b"))
      }
      #expect(await eventually { !world.kubelet.jobs.isEmpty })
      let job = try #require(try await world.jobs().first)
      _ = try await world.cluster.client.delete(
        ObjectReference(.jobs, job.name, in: "shop"), .background)
      let found = try #require(await failure)
      #expect(found.code == "StepDeleted" && found.disposition == .retry, "\(found)")
      // The next attempt has a name of its own.
      let next = Task { try? await world.runner.perform(.verify("b")) }
      #expect(await eventually { world.kubelet.jobs.count == 2 })
      next.cancel()
      #expect(Set(world.kubelet.jobs).count == 2)
    }
  }

  @Test func `a pod on a silent node is told, and nothing else begins`() async throws {
    try await StepWorld.with(rate: 300) { _, _ in
      .lost
    } _: { world in
      async let failure = stepFailure { () throws(StepFailure) in
        try await world.runner.perform(.verify("b"))
      }
      #expect(await eventually { !world.kubelet.jobs.isEmpty })
      let pod = try #require(try await world.pods().first)
      _ = try await world.cluster.client.delete(
        ObjectReference(.pods, pod.name, in: "shop"), .background)
      let found = try #require(await failure)
      #expect(found.code == "StepStillRunning" && found.disposition == .wait, "\(found)")
      #expect(found.message.contains("node-a"))
      #expect(world.kubelet.jobs.count == 1)
    }
  }

  @Test func `a Job that goes without its pod is not over before the pod is`() async throws {
    try await StepWorld.with(rate: 60) { _, _ in
      .run
    } _: { world in
      async let outcome = world.runner.perform(.verify("b"))
      #expect(await eventually { !world.kubelet.jobs.isEmpty })
      let job = try #require(try await world.jobs().first)
      _ = try await world.cluster.client.delete(
        ObjectReference(.jobs, job.name, in: "shop"), .orphan)
      #expect(await eventually { (try? await world.jobs().isEmpty) == true })
      let pod = try #require(try await world.pods().first)
      #expect(!pod.isDeleting)
      await world.kubelet.end(pod, StepWorld.answer(to: .verify("b"), world.scope))
      // It did the work, whoever deleted its Job.
      #expect(try await outcome.result == StepWorld.answer(to: .verify("b"), world.scope).result)
      #expect(world.kubelet.jobs.count == 1)
    }
  }

  @Test func `a pod that vanishes unseen holds the next attempt until somebody knows`()
    async throws
  {
    try await StepWorld.with(rate: 60) { _, _ in
      .run
    } _: { world in
      async let failure = stepFailure { () throws(StepFailure) in
        try await world.runner.perform(.verify("b"))
      }
      #expect(
        await eventually {
          world.watch.sightings.pods(
            of: StepName.order(world.scope, .verify("b"))
          ).contains { $0.hasBegun }
        })
      let job = try #require(try await world.jobs().first)
      let pod = try #require(try await world.pods().first)
      // Without its Job nobody makes another pod.
      _ = try await world.cluster.client.delete(
        ObjectReference(.jobs, job.name, in: "shop"), .orphan)
      #expect(await eventually { (try? await world.jobs().isEmpty) == true })
      await world.kubelet.tear(pod.name)
      let found = try #require(await failure)
      #expect(found.code == "StepInDoubt" && found.disposition == .wait, "\(found)")
      #expect(found.message.contains(pod.name) && found.message.contains("node-a"))
      let again = await stepFailure { () throws(StepFailure) in
        try await world.runner.perform(.verify("b"))
      }
      #expect(again?.code == "StepInDoubt")
      world.watch.confirmDead(pod: pod.name)
      let next = Task { try? await world.runner.perform(.verify("b")) }
      #expect(await eventually { world.kubelet.jobs.count >= 2 })
      next.cancel()
    }
  }
}

/// A value that several tasks of a test share.
final class Shared<Value: Sendable>: Sendable {
  private let state: Mutex<Value>
  init(_ value: Value) { state = Mutex(value) }
  var value: Value { state.withLock { $0 } }
  func set(_ value: Value) { state.withLock { $0 = value } }
}
