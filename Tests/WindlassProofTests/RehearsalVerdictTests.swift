import Testing
import WindlassCore
import WindlassProof
import WindlassSchema
import WindlassWire

extension RehearsalWorld {
  /// Rehearses the plan in this world.
  func rehearse(
    _ plan: Plan = SamplePlan.upgrade,
    _ configuration: RehearsalConfiguration = RehearsalConfiguration(),
    clock: ManualClock = ManualClock(), reports: (any RehearsalReports)? = nil
  ) async throws(StepFailure) -> (verdict: Verdict, report: RehearsalReport) {
    let runner = RehearsalRunner(
      scratch: self, servers: self,
      queries: { queries async throws(StepFailure) in try await self.bytes(of: queries) },
      transport: self, configuration: configuration,
      reports: reports, clock: ProofClock(clock))
    return try await runner.rehearseInFull(plan, on: "backup-1")
  }
}

@Suite struct RehearsalVerdictTests {
  @Test func `a good upgrade is safe and covers rolling back`() async throws {
    let world = RehearsalWorld()
    let (verdict, report) = try await world.rehearse()
    #expect(verdict.judgement == .safe)
    #expect(verdict.coversRollback)
    #expect(verdict.holdForecast == .milliseconds(5))
    // Five servers, two rounds of three probes each, and one reading of what the new one wrote.
    #expect(verdict.checks == 31)
    #expect(
      verdict.evidence == [
        "1.0.0 on an untouched copy: all 6 checks passed",
        "1.0.0 on the schema that 1.1.0 expands to: all 6 checks passed",
        "1.1.0 on the schema that it expands to: all 6 checks passed",
        "1.0.0 again, on what 1.1.0 wrote: all 7 checks passed",
        "1.1.0 after its contract migrations: all 6 checks passed",
      ])
    #expect(report.steps.allSatisfy { $0.outcome == .passed })
    #expect(world.leaks == [])
  }

  @Test func `an upgrade runs the old server, the new one, the old one and the new one again`()
    async throws
  {
    let world = RehearsalWorld()
    _ = try await world.rehearse()
    let steps = world.calls.filter { !$0.hasPrefix("report") }
    #expect(
      steps == [
        "restore run-1-untouched", "start old-0", "stop old-0", "discard run-1-untouched",
        "restore run-1-migrated", "catalogue", "migrate 2", "catalogue",
        "start old-1", "stop old-1", "start new-1", "stop new-1", "start old-2", "stop old-2",
        "catalogue", "migrate 3", "catalogue", "start new-2", "stop new-2",
        "discard run-1-migrated",
      ])
  }

  @Test func `an install runs every migration and the new server`() async throws {
    let world = RehearsalWorld()
    let (verdict, _) = try await world.rehearse(SamplePlan.install)
    #expect(verdict.judgement == .safe)
    #expect(!verdict.coversRollback)
    let steps = world.calls.filter { !$0.hasPrefix("report") }
    #expect(
      steps == [
        "restore run-1-migrated", "migrate 2", "migrate 3", "catalogue", "start new-1",
        "stop new-1", "discard run-1-migrated",
      ])
  }

  @Test func `an old server that fails on the new schema makes the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.answer = { question in
        let isOld = question.server.label == "old-1"
        guard isOld, question.path.hasSuffix("evaluate") else {
          return SampleService.answer(question)
        }
        return SampleService.missingColumn
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(!verdict.coversRollback)
    #expect(
      verdict.evidence.first
        == "1.0.0 no longer works on the schema that 1.1.0 expands to: probe \"evaluate\" POST "
        + "/api/v1/evaluate expected 200, got 500: no such column: f.description in: "
        + "SELECT f.key, f.description FROM flags AS f WHERE f.key = ?1")
    #expect(world.leaks == [])
  }

  @Test func `an old server that fails on an untouched copy proves nothing`() async throws {
    let world = RehearsalWorld {
      $0.answer = { question in
        question.server.label.hasPrefix("old") && question.path.hasSuffix("evaluate")
          ? SampleService.missingColumn : SampleService.answer(question)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unknown)
    #expect(
      verdict.evidence.first?.hasPrefix(
        "1.0.0 fails on an untouched copy already, so nothing can be told from the migrated one: "
          + "probe \"evaluate\"") == true)
    #expect(!world.calls.contains("start old-1"))
    #expect(!verdict.coversRollback)
  }

  @Test func `a new server that fails its probes makes the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.answer = { question in
        question.server.label == "new-1"
          ? HTTPResponse(status: 503) : SampleService.answer(question)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first?.hasPrefix("1.1.0 does not work on the schema that it expands to: ")
        == true)
  }

  @Test func `an old server that can't read what the new one wrote makes the release unsafe`()
    async throws
  {
    let world = RehearsalWorld {
      $0.answer = { question in
        let isForeign = question.server.label == "old-2" && question.path == "/flags/probe-w6"
        guard isForeign else { return SampleService.answer(question) }
        return SampleService.reply(500, ["error": "unknown enum value 7"])
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(!verdict.coversRollback)
    let first = try #require(verdict.evidence.first)
    #expect(first.hasPrefix("1.0.0 can't work with what 1.1.0 writes: probe \"read\" GET"))
    #expect(first.contains("unknown enum value 7"))
  }

  @Test func `a new server that fails after the contract makes the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.answer = { question in
        question.server.label == "new-2"
          ? SampleService.missingColumn : SampleService.answer(question)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first?.hasPrefix("1.1.0 no longer works after its contract migrations: ")
        == true)
  }

  @Test func `a migration that fails by its own fault makes the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.migrationFailure = { _ in
        StepFailure(
          code: "MigrationFailed", disposition: .stop, message: "UNIQUE constraint failed: flags",
          blamesRelease: true)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first
        == "migration 2 of 1.1.0 fails on a copy of this database: UNIQUE constraint failed: flags")
    #expect(world.leaks == [])
  }

  @Test func `a migration that fails for want of room blames nobody`() async throws {
    let full = StepFailure(code: "DiskFull", disposition: .wait, message: "no room for the copy")
    let world = RehearsalWorld { $0.migrationFailure = { _ in full } }
    await #expect(throws: full) { _ = try await world.rehearse() }
    #expect(world.leaks == [])
  }

  @Test(arguments: [RunKind.upgrade, .install])
  func `a lock held beyond the budget makes the release unsafe`(_ kind: RunKind) async throws {
    let world = RehearsalWorld { $0.held = { _ in .milliseconds(1_001) } }
    let (verdict, _) = try await world.rehearse(SamplePlan.plan(kind))
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.holdForecast == .milliseconds(1_001))
    #expect(verdict.evidence.first?.contains("2_change.up.sql holds the lock") == true)
    #expect(verdict.evidence.first?.contains("1001ms") == true)
  }

  @Test func `a lock held for exactly the budget is fine`() async throws {
    let world = RehearsalWorld { $0.held = { _ in .seconds(1) } }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .safe)
    #expect(verdict.holdForecast == .seconds(1))
  }

  @Test func `rows that vanish before the roll make the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.catalogue = { applied in
        var catalogue = SampleCatalogue.before
        if !applied.isEmpty { catalogue.change("rules") { $0.rows = 0 } }
        return catalogue
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.contains("table rules loses 40 of 40 rows (C7)") == true)
  }

  @Test func `rows that vanish in the contract make the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.catalogue = { applied in
        var catalogue = SampleCatalogue.before
        if applied.count > 1 { catalogue.change("rules") { $0.rows = 1 } }
        return catalogue
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.contains("table rules loses 39 of 40 rows (C7)") == true)
  }

  @Test func `a structural break that no probe touches makes the release unsafe`() async throws {
    let world = RehearsalWorld {
      $0.catalogue = { applied in
        var catalogue = SampleCatalogue.before
        guard !applied.isEmpty else { return catalogue }
        catalogue.change("flags") { $0.columns.removeAll { $0.name == "description" } }
        return catalogue
      }
    }
    let (verdict, report) = try await world.rehearse()
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.first?.hasPrefix("X3: column flags.description is dropped") == true)
    #expect(!verdict.coversRollback)
    #expect(report.differences.contains { $0.contains("flags.description") })
  }

  @Test func `what a server said stands before what its schema looks like`() async throws {
    let world = RehearsalWorld {
      $0.catalogue = { applied in
        var catalogue = SampleCatalogue.before
        guard !applied.isEmpty else { return catalogue }
        catalogue.change("flags") { $0.columns.removeAll { $0.name == "description" } }
        return catalogue
      }
      $0.answer = { question in
        question.server.label == "old-1"
          ? SampleService.missingColumn : SampleService.answer(question)
      }
    }
    let (verdict, _) = try await world.rehearse()
    #expect(verdict.evidence.first?.hasPrefix("1.0.0 no longer works") == true)
    #expect(verdict.evidence.contains { $0.hasPrefix("X3: ") })
  }
}
