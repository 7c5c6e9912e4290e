import Testing
import WindlassCore
import WindlassProof
import WindlassSchema
import WindlassWire

/// What leaves a rehearsal without a result, and what only looks like it.
@Suite struct RehearsalDoubtTests {
  private static func report(
    isIsolated: Bool = true, usesScratch: Bool = true, usesProduction: Bool = false
  ) -> RehearsalServerReport {
    RehearsalServerReport(
      exit: nil, output: "", isIsolated: isIsolated, usesScratch: usesScratch,
      usesProduction: usesProduction)
  }

  @Test func `a server that could reach more than its copy proves nothing and is asked nothing`()
    async throws
  {
    let world = RehearsalWorld { $0.report = { _ in Self.report(isIsolated: false) } }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unknown)
    #expect(verdict.checks == 0)
    #expect(verdict.evidence.first?.contains("proof.isolation: none") == true)
    #expect(world.requests.allSatisfy { $0.url.hasSuffix("/healthz") })
    #expect(world.calls.filter { $0.hasPrefix("start") } == ["start old-0"])
    #expect(world.leaks == [])
  }

  @Test func `missing isolation is accepted where a person wrote so`() async throws {
    let world = RehearsalWorld { $0.report = { _ in Self.report(isIsolated: false) } }
    let (verdict, _) = try await world.rehearse(
      SamplePlan.upgrade, RehearsalConfiguration(isolation: .none))
    #expect(verdict.judgement == .safe)
  }

  @Test(arguments: [IsolationPolicy.network, .none])
  func `a server that holds the production database proves nothing and is asked nothing`(
    _ isolation: IsolationPolicy
  ) async throws {
    let world = RehearsalWorld { $0.report = { _ in Self.report(usesProduction: true) } }
    let (verdict, _) = try await world.rehearse(
      SamplePlan.upgrade, RehearsalConfiguration(isolation: isolation))
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.first?.contains("production database") == true)
    #expect(world.requests.allSatisfy { $0.url.hasSuffix("/healthz") })
  }

  @Test func `one look at which a server was not isolated is enough to doubt`() async throws {
    let world = RehearsalWorld {
      $0.reportByLook = { _, look in Self.report(isIsolated: look != 1) }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unknown)
  }

  @Test func `one look at which a server held the production database is enough to doubt`()
    async throws
  {
    let world = RehearsalWorld {
      $0.reportByLook = { _, look in Self.report(usesProduction: look == 1) }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unknown)
  }

  @Test(arguments: ["old-0", "old-1", "new-1", "old-2", "new-2"])
  func `a server that was not seen on the scratch database proves nothing`(
    _ label: String
  ) async throws {
    let world = RehearsalWorld {
      $0.report = { Self.report(usesScratch: $0.label != label) }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.first?.contains("scratch database") == true)
    #expect(!verdict.coversRollback)
  }

  @Test func `a failure on an unseen database is unknown and is told all the same`() async throws {
    let world = RehearsalWorld {
      $0.report = { Self.report(usesScratch: $0.label != "old-1") }
      $0.answer = { question in
        question.server.label == "old-1"
          ? SampleService.missingColumn : SampleService.answer(question)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.contains { $0.contains("no such column") })
  }

  @Test func `an old release without probes proves nothing`() async throws {
    var old = SamplePlan.old
    old.probes = []
    let world = RehearsalWorld()
    let (verdict, _) = try await world.rehearse(
      SamplePlan.plan(.upgrade, from: old, to: SamplePlan.new))
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.first?.hasPrefix("1.0.0 has no probes") == true)
  }

  @Test(arguments: [RunKind.upgrade, .install])
  func `a new release without probes proves nothing`(_ kind: RunKind) async throws {
    var new = SamplePlan.new
    new.probes = []
    let world = RehearsalWorld()
    let (verdict, _) = try await world.rehearse(
      SamplePlan.plan(kind, from: kind == .install ? nil : SamplePlan.old, to: new))
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.contains { $0.hasPrefix("1.1.0 has no probes") })
    #expect(!verdict.coversRollback)
  }

  @Test func `a rehearsal that takes too long proves nothing`() async throws {
    let clock = ManualClock()
    let world = RehearsalWorld { state in
      state.onCall = { call in
        if call == "start new-1" { clock.advance(by: .seconds(61)) }
      }
    }
    let (verdict, _) = try await world.rehearse(
      SamplePlan.upgrade, RehearsalConfiguration(deadline: .minutes(1)), clock: clock)
    #expect(verdict.judgement == .unknown)
    #expect(
      verdict.evidence.first
        == "the rehearsal took longer than 1m and stopped before: 1.0.0 again, on what 1.1.0 wrote")
    #expect(world.leaks == [])
  }

  @Test func `a rehearsal that runs out of time at once says so once`() async throws {
    let clock = ManualClock()
    let world = RehearsalWorld { state in
      state.onCall = { _ in clock.advance(by: .seconds(61)) }
    }
    let (verdict, _) = try await world.rehearse(
      SamplePlan.upgrade, RehearsalConfiguration(deadline: .minutes(1)), clock: clock)
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.count == 1)
    #expect(world.leaks == [])
  }

  @Test func `a new release whose probes write nothing does not cover rolling back`() async throws {
    var new = SamplePlan.new
    new.probes = [SamplePlan.evaluate]
    let (verdict, _) = try await RehearsalWorld().rehearse(
      SamplePlan.plan(.upgrade, from: SamplePlan.old, to: new))
    #expect(verdict.judgement == .safe)
    #expect(!verdict.coversRollback)
    #expect(verdict.evidence.contains { $0.contains("write nothing") })
  }

  @Test func `the deployed server alone can show that it works, and covers no rolling back`()
    async throws
  {
    let world = RehearsalWorld()
    let (verdict, _) = try await world.rehearse(
      SamplePlan.upgrade, RehearsalConfiguration(scope: .deployedRelease))
    #expect(verdict.judgement == .safe)
    #expect(!verdict.coversRollback)
    #expect(verdict.evidence.contains { $0.hasPrefix("no server of 1.1.0 was run") })
    #expect(world.calls.filter { $0.hasPrefix("start") } == ["start old-0", "start old-1"])
  }

  @Test func `catalogues alone are never enough to be safe`() async throws {
    let world = RehearsalWorld()
    let (verdict, _) = try await world.rehearse(
      SamplePlan.upgrade, RehearsalConfiguration(scope: .schema))
    #expect(verdict.judgement == .unknown)
    #expect(verdict.checks == 0)
    #expect(!world.calls.contains { $0.hasPrefix("start") })
  }

  @Test func `an upgrade without a deployed release is refused`() async throws {
    let world = RehearsalWorld()
    await #expect {
      _ = try await world.rehearse(SamplePlan.plan(.upgrade, from: nil, to: SamplePlan.new))
    } throws: { ($0 as? StepFailure)?.code == "PlanWithoutSource" }
    #expect(world.calls == [])
  }

  @Test func `migrations without an archive are refused`() async throws {
    var new = SamplePlan.new
    new.migrationArchive = nil
    let plan = SamplePlan.plan(.upgrade, from: SamplePlan.old, to: new)
    let world = RehearsalWorld()
    await #expect { _ = try await world.rehearse(plan) } throws: {
      ($0 as? StepFailure)?.code == "PlanWithoutMigrations"
    }
    #expect(world.leaks == [])
  }
}

/// Servers that answer badly in time rather than in content.
@Suite struct RehearsalServerTests {
  @Test func `an old server that ends at once on the new schema makes the release unsafe`()
    async throws
  {
    let world = RehearsalWorld {
      $0.readiness = { server in
        guard server.label == "old-1" else { return HTTPResponse(status: 200) }
        throw HTTPError(.unreachable, "connection refused")
      }
      $0.report = { server in
        let hasEnded = server.label == "old-1"
        return RehearsalServerReport(
          exit: hasEnded ? ExitReport(code: 2) : nil,
          output: hasEnded ? "fatal: no such column: description\n" : "", isIsolated: true,
          usesScratch: !hasEnded, usesProduction: false)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first
        == "1.0.0 no longer works on the schema that 1.1.0 expands to: it ended before it was "
        + "ready, with exit status 2")
    #expect(verdict.evidence.contains { $0.contains("fatal: no such column: description") })
  }

  @Test func `a new artifact that can't be started makes the release unsafe`() async throws {
    let verdict = try await Self.refusing("new-1")
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first
        == "1.1.0 does not work on the schema that it expands to: it could not be started: no such "
        + "program")
  }

  @Test func `an old artifact that can't be started blames nobody`() async throws {
    let verdict = try await Self.refusing("old-0")
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.first?.hasSuffix("it could not be started: no such program") == true)
  }

  /// The verdict where the server of that label is refused by the fleet.
  private static func refusing(_ label: String) async throws -> Verdict {
    let world = RehearsalWorld()
    _ = try await world.rehearse()
    let calls = world.calls
    let number = try #require(calls.firstIndex(of: "start \(label)")) + 1
    let refusal = StepFailure(
      code: "ExecutableRefused", disposition: .stop, message: "no such program", blamesRelease: true
    )
    return try await RehearsalWorld { $0.failure = (at: number, with: refusal) }.rehearse().verdict
  }

  /// A world in which every server ends at once, before anybody saw it open a database.
  private static func crashing() -> RehearsalWorld {
    RehearsalWorld {
      $0.readiness = { _ in throw HTTPError(.unreachable, "connection refused") }
      $0.report = { _ in
        RehearsalServerReport(
          exit: ExitReport(code: 1), output: "fatal: the variable DB is missing", isIsolated: true,
          usesScratch: false, usesProduction: false)
      }
    }
  }

  @Test func `an installed server that ends before it opened its database blames nobody`()
    async throws
  {
    let (verdict, _) = try await Self.crashing().rehearse(SamplePlan.install)
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.contains { $0.contains("the variable DB is missing") })
  }

  @Test func `without a baseline no server is blamed, and a broken schema still is`() async throws {
    let world = Self.crashing()
    #expect(try await world.rehearse().verdict.judgement == .unknown)
    #expect(world.calls.filter { $0.hasPrefix("start") } == ["start old-0"])
    let reckless = Self.crashing()
    reckless.change {
      $0.catalogue = { applied in
        var catalogue = SampleCatalogue.before
        if !applied.isEmpty { catalogue.tables.removeAll { $0.name == "rules" } }
        return catalogue
      }
    }
    let verdict = try await reckless.rehearse().verdict
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.hasPrefix("X1: table rules is dropped") == true)
  }

  @Test func `a new server that is never ready makes the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.readiness = { HTTPResponse(status: $0.label == "new-1" ? 503 : 200) }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.contains("did not become ready in time") == true)
    #expect(verdict.evidence.first?.contains("status 503") == true)
  }

  @Test func `a server that becomes ready late is waited for`() async throws {
    let clock = ManualClock()
    let world = RehearsalWorld {
      $0.readiness = { _ in
        HTTPResponse(status: clock.now.offset < .seconds(20) ? 503 : 200)
      }
    }
    let (verdict, _) = try await world.rehearse(clock: clock)
    #expect(verdict.judgement == .safe)
  }

  @Test func `a server that ends by itself while it is probed has failed`() async throws {
    let world = RehearsalWorld {
      $0.report = { server in
        RehearsalServerReport(
          exit: server.label == "new-1" ? ExitReport(signal: 6) : nil, output: "abort",
          isIsolated: true, usesScratch: true, usesProduction: false)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.contains("ended by itself") == true)
  }

  @Test func `a probe that gets no reply fails`() async throws {
    let world = RehearsalWorld {
      $0.answer = { question in
        guard question.server.label == "new-1" else { return SampleService.answer(question) }
        throw HTTPError(.timedOut, "no reply in 10s")
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.contains("got no reply: no reply in 10s") == true)
  }

  /// Fails the probe whose turn it is, once, on the server of that label.
  private static func flaky(_ label: String, at ordinal: Int) -> RehearsalWorld {
    RehearsalWorld {
      $0.answer = { question in
        question.server.label == label && question.ordinal == ordinal
          ? HTTPResponse(status: 502) : SampleService.answer(question)
      }
    }
  }

  @Test(arguments: ["old-1", "new-1", "old-2", "new-2"], [0, 1, 2, 3, 4, 5])
  func `a probe that fails once of many times counts as failed`(
    _ label: String, _ ordinal: Int
  ) async throws {
    let world = Self.flaky(label, at: ordinal)
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    let says = ordinal < 3 ? "a flaky probe counts as failed" : "in round 2, after passing before"
    #expect(verdict.evidence.contains { $0.contains(says) }, "\(verdict.evidence)")
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func `a baseline that fails once of many times proves nothing`(_ ordinal: Int) async throws {
    let (verdict, _) = try await Self.flaky("old-0", at: ordinal).rehearse()
    #expect(verdict.judgement == .unknown)
  }

  @Test func `what the new release deletes itself is not looked for by the old one`() async throws {
    var new = SamplePlan.new
    new.probes.append(
      Probe(name: "delete", method: "DELETE", path: "/flags/{flag}", expectedStatus: 204))
    let world = RehearsalWorld {
      $0.answer = { question in
        question.method == "DELETE" ? HTTPResponse(status: 204) : SampleService.answer(question)
      }
    }
    let (verdict, _) = try await world.rehearse(
      SamplePlan.plan(.upgrade, from: SamplePlan.old, to: new))
    #expect(verdict.judgement == .safe)
    let foreign = world.requests.filter {
      $0.url.contains("old-2/flags/probe-w") && !$0.url.hasSuffix("w7") && !$0.url.hasSuffix("w8")
    }
    #expect(foreign == [])
  }
}
