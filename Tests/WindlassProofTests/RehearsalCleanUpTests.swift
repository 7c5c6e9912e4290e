import Testing
import WindlassCore
import WindlassProof
import WindlassWire

/// Whatever fails, nothing that the rehearsal made stays.
@Suite struct RehearsalCleanUpTests {
  private static let diskFull = StepFailure(
    code: "DiskFull", disposition: .wait, message: "no room on the disk")

  /// How many calls of ports the plan's rehearsal makes when nothing fails.
  private static func callsMade(by plan: Plan) async throws -> Int {
    let world = RehearsalWorld()
    _ = try await world.rehearse(plan)
    return world.calls.count
  }

  @Test(arguments: [RunKind.upgrade, .install])
  func `a failure of any one call leaves nothing behind`(_ kind: RunKind) async throws {
    let plan = SamplePlan.plan(kind)
    let count = try await Self.callsMade(by: plan)
    #expect(count > 8)
    for number in 1...count {
      let world = RehearsalWorld { $0.failure = (at: number, with: Self.diskFull) }
      var caught: StepFailure?
      var verdict: Verdict?
      do throws(StepFailure) {
        verdict = try await world.rehearse(plan).verdict
      } catch {
        caught = error
      }
      let call = world.calls[number - 1]
      #expect(
        world.leaks == (call.hasPrefix("discard run-1-migrated") ? ["copy run-1-migrated"] : []))
      // A copy that can't be removed is told of, and takes nothing from what was shown.
      if call.hasPrefix("discard") {
        #expect(verdict?.judgement == .safe, "failed \(call)")
      } else {
        #expect(caught == Self.diskFull, "failed \(call)")
        #expect(verdict == nil)
      }
    }
  }

  @Test func `a copy that can't be removed is told of`() async throws {
    let count = try await Self.callsMade(by: SamplePlan.upgrade)
    let world = RehearsalWorld { $0.failure = (at: count, with: Self.diskFull) }
    let (verdict, _) = try await world.rehearse()
    #expect(
      verdict.evidence.last
        == "the scratch copy run-1-migrated could not be removed: no room on the disk")
  }

  @Test func `a server that can't be stopped is tried again and told of`() async throws {
    let world = RehearsalWorld {
      $0.failure = (at: 4, with: Self.diskFull)
    }
    await #expect(throws: Self.diskFull) { _ = try await world.rehearse() }
    #expect(world.calls.filter { $0 == "stop old-0" }.count == 1)
    #expect(world.leaks == [])
  }

  @Test(arguments: [RunKind.upgrade, .install])
  func `a cancellation at any call leaves nothing behind`(_ kind: RunKind) async throws {
    let plan = SamplePlan.plan(kind)
    let count = try await Self.callsMade(by: plan)
    // The last call is the clean-up's own, in a task that nobody cancels.
    for number in 1..<count {
      let world = RehearsalWorld()
      world.change { state in
        state.onCall = { [weak world] _ in
          guard let world, world.calls.count == number else { return }
          withUnsafeCurrentTask { $0?.cancel() }
        }
      }
      let rehearsal = Task { () -> Result<Verdict, StepFailure> in
        do throws(StepFailure) {
          return .success(try await world.rehearse(plan).verdict)
        } catch {
          return .failure(error)
        }
      }
      let outcome = await rehearsal.value
      #expect(world.leaks == [], "cancelled at \(world.calls[number - 1])")
      switch outcome {
      // From the last stop on there is nothing left to hinder but the clean-up.
      case .success: #expect(number >= count - 1)
      case .failure(let failure): #expect(failure.code == "RehearsalCancelled")
      }
    }
  }

  @Test func `a rehearsal that is cancelled before it begins does nothing`() async {
    let world = RehearsalWorld { $0.ignoresCancellation = true }
    let rehearsal = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = await #expect {
        _ = try await world.rehearse()
      } throws: { ($0 as? StepFailure)?.code == "RehearsalCancelled" }
    }
    await rehearsal.value
    #expect(world.calls == [])
  }

  @Test func `a rehearsal that is cancelled asks no more probes, whatever the ports do`() async {
    let world = RehearsalWorld { state in
      state.ignoresCancellation = true
      state.onCall = { call in
        if call.hasPrefix("report") { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    let rehearsal = Task {
      _ = await #expect {
        _ = try await world.rehearse()
      } throws: { ($0 as? StepFailure)?.code == "RehearsalCancelled" }
    }
    await rehearsal.value
    #expect(world.requests.map(\.url) == ["http://127.0.0.1/old-0/healthz"])
    #expect(world.leaks == [])
  }

  @Test func `an unsafe verdict cleans up as well`() async throws {
    for label in ["old-0", "old-1", "new-1", "old-2", "new-2"] {
      let world = RehearsalWorld {
        $0.answer = { question in
          question.server.label == label
            ? HTTPResponse(status: 500) : SampleService.answer(question)
        }
      }
      let (verdict, _) = try await world.rehearse()
      #expect(verdict.judgement != .safe)
      #expect(world.leaks == [])
    }
  }
}
