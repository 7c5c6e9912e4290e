import Testing
import WindlassCore
import WindlassSchema
import WindlassWire

@testable import WindlassProof

extension RehearsalWorld {
  /// What becomes of a visit on its way to the next turn.
  typealias Courier = @Sendable (VisitRequest, ServerVisit) -> ServerVisit

  /// Rehearses the plan in turns: each begins with nothing but the bytes that the last one left,
  /// and what was seen of a server goes from one to the other as text.
  func rehearseInTurns(
    _ plan: Plan = SamplePlan.upgrade,
    _ configuration: RehearsalConfiguration = RehearsalConfiguration(),
    room: Int = .max, courier: Courier = { $1 }
  ) async throws -> (verdict: Verdict, report: RehearsalReport, visits: [ServerPart]) {
    let clock = ProofClock(ManualClock())
    let visitor = ServerVisitor(
      servers: self, transport: self, configuration: configuration, clock: clock)
    var memory = RehearsalMemory(generation: "g")
    var visits: [ServerPart] = []
    while true {
      let kept = try #require(RehearsalMemory(memory.bytes))
      let runner = RehearsalRunner(
        scratch: self,
        queries: { queries async throws(StepFailure) in try await self.bytes(of: queries) },
        after: kept, configuration: configuration, clock: clock)
      switch try await runner.takeTurn(plan, on: "backup-1") {
      case .judged(let verdict, let report): return (verdict, report, visits)
      case .waits(let request, let next):
        memory = next
        let asked = try #require(VisitRequest(text: request.text))
        let visit = try await visitor.visit(
          asked, of: plan, databaseURL: "scratch://\(asked.copy)")
        visits.append(asked.part)
        let text = courier(asked, visit).text { $0.utf8.count <= room }
        memory.add(try #require(ServerVisit(text: text)), to: request)
      }
    }
  }
}

/// Rehearsals whose servers run where the rehearsal itself can't start them.
@Suite struct RehearsalTurnsTests {
  /// A world in which something is as it should be, or is not.
  struct Scene: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var kind = RunKind.upgrade
    var change: @Sendable (inout RehearsalWorld.State) -> Void = { _ in }
  }

  private static func answering(
    _ label: String, _ reply: HTTPResponse
  ) -> @Sendable (inout RehearsalWorld.State) -> Void {
    { state in
      state.answer = { $0.server.label == label ? reply : SampleService.answer($0) }
    }
  }

  private static let scenes = [
    Scene(testDescription: "good"), Scene(testDescription: "an install", kind: .install),
    Scene(
      testDescription: "old fails at once",
      change: answering("old-0", SampleService.missingColumn)),
    Scene(
      testDescription: "old fails later", change: answering("old-1", SampleService.missingColumn)),
    Scene(testDescription: "new fails", change: answering("new-1", HTTPResponse(status: 503))),
    Scene(
      testDescription: "old fails on new rows",
      change: { state in
        state.answer = { question in
          question.server.label == "old-2" && question.path == "/flags/probe-w6"
            ? SampleService.reply(500, ["error": "unknown enum value 7"])
            : SampleService.answer(question)
        }
      }),
    Scene(
      testDescription: "new fails in the end",
      change: answering("new-2", SampleService.missingColumn)),
    Scene(testDescription: "a lock is held", change: { $0.held = { _ in .milliseconds(1_001) } }),
    Scene(
      testDescription: "rows vanish",
      change: {
        $0.catalogue = { applied in
          var catalogue = SampleCatalogue.before
          if applied.count > 1 { catalogue.change("rules") { $0.rows = 1 } }
          return catalogue
        }
      }),
    Scene(
      testDescription: "a migration fails",
      change: {
        $0.migrationFailure = { _ in
          StepFailure(
            code: "MigrationFailed", disposition: .stop, message: "UNIQUE constraint failed",
            blamesRelease: true)
        }
      }),
    Scene(
      testDescription: "never on the copy",
      change: {
        $0.report = { _ in
          RehearsalServerReport(
            exit: nil, output: "", isIsolated: true, usesScratch: false, usesProduction: false)
        }
      }),
    Scene(
      testDescription: "not isolated",
      change: {
        $0.report = { _ in
          RehearsalServerReport(
            exit: nil, output: "", isIsolated: false, usesScratch: true, usesProduction: false)
        }
      }),
  ]

  @Test(arguments: scenes)
  func `in turns a rehearsal does, finds and says what it does in one go`(
    scene: Scene
  ) async throws {
    let (whole, parts) = (RehearsalWorld(scene.change), RehearsalWorld(scene.change))
    let plan = SamplePlan.plan(scene.kind)
    let one = try await whole.rehearse(plan)
    let other = try await parts.rehearseInTurns(plan)
    #expect(other.verdict == one.verdict)
    #expect(other.report.steps.map(\.title) == one.report.steps.map(\.title))
    #expect(other.report.steps.map(\.probes) == one.report.steps.map(\.probes))
    #expect(other.report.findings == one.report.findings)
    #expect(other.report.migrations == one.report.migrations)
    #expect(parts.calls == whole.calls)
    #expect(parts.leaks == [])
  }

  @Test func `copies stay while a visit is waited for`() async throws {
    let world = RehearsalWorld()
    let queries: QuerySource = { queries async throws(StepFailure) in
      try await world.bytes(of: queries)
    }
    let runner = RehearsalRunner(
      scratch: world, queries: queries, after: RehearsalMemory(generation: "g"),
      clock: ProofClock(ManualClock()))
    guard
      case .waits(let request, let memory) = try await runner.takeTurn(SamplePlan.upgrade, on: "b")
    else {
      Issue.record("it waits for nothing")
      return
    }
    #expect(request.part == .oldBefore && request.copy == "run-1-untouched")
    #expect(world.leaks == ["copy run-1-untouched"])
    // Without an account of the visit the same turn waits for the same, and does nothing again.
    let again = RehearsalRunner(
      scratch: world, queries: queries, after: memory, clock: ProofClock(ManualClock()))
    guard case .waits(let same, _) = try await again.takeTurn(SamplePlan.upgrade, on: "b") else {
      Issue.record("it waits for nothing")
      return
    }
    #expect(same == request)
    #expect(world.calls == ["restore run-1-untouched"])
  }

  @Test func `a memory keeps no password`() async throws {
    let url = "postgres://shop:hunter2@db/copy"
    let note = CopyNote(ScratchCopy(label: "l", url: url))
    var memory = RehearsalMemory(generation: "g")
    memory.note("restore", note, .zero)
    #expect(note.copy.url == url)
    var kept = try #require(RehearsalMemory(memory.bytes))
    let found = try kept.recall("restore", as: CopyNote.self)
    #expect(found?.value.copy == ScratchCopy(label: "l", url: ""))
    #expect(throws: StepFailure.self) {
      var other = try #require(RehearsalMemory(memory.bytes))
      _ = try other.recall("migrate", as: CopyNote.self)
    }
  }

  @Test func `a server that its kubelet saw ending has failed, with its last lines`() async throws {
    let world = RehearsalWorld()
    let (verdict, _, _) = try await world.rehearseInTurns { request, visit in
      var visit = visit
      guard request.part == .newOnNewSchema else { return visit }
      visit.learn(ownExit: ExitReport(code: 3), output: "panic: no such column: f.description")
      return visit
    }
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first
        == "1.1.0 does not work on the schema that it expands to: it ended by itself while it was"
        + " probed, with exit status 3")
    #expect(verdict.evidence.contains { $0.contains("last lines: panic: no such column") })
  }

  @Test func `a visit that did not take place shows nothing`() async throws {
    let world = RehearsalWorld()
    let (verdict, _, visits) = try await world.rehearseInTurns { request, visit in
      request.part == .oldOnNewSchema
        ? .refused(request, of: SamplePlan.upgrade, because: "it can reach 10.0.0.1:5432") : visit
    }
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.first?.contains("it can reach 10.0.0.1:5432") == true)
    #expect(visits == [.oldBefore, .oldOnNewSchema])
    #expect(world.leaks == [])
  }

  @Test func `an account that has little room keeps what decides`() async throws {
    let good = try await RehearsalWorld().rehearseInTurns(room: 600)
    #expect(good.verdict.judgement == .safe && good.verdict.checks == 31)
    #expect(good.verdict.coversRollback)
    let long = String(repeating: "no such column ", count: 300)
    let world = RehearsalWorld(
      Self.answering("old-1", SampleService.reply(500, ["error": .string(long)])))
    let bad = try await world.rehearseInTurns(room: 900)
    #expect(bad.verdict.judgement == .unsafe)
    #expect(bad.verdict.evidence.first?.contains("no such column") == true)
    // What was captured and finds no room is missed, and not forgotten.
    let crowded = try await RehearsalWorld().rehearseInTurns(room: 100)
    #expect(crowded.verdict.judgement == .unknown)
    #expect(crowded.verdict.evidence.first?.contains("too long to be passed on") == true)
  }
}
