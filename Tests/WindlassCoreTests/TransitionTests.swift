import FoundationEssentials
import Testing
import WindlassCore

/// Every phase of a run beside everything that can be told to it.
@Suite struct TransitionTests {
  /// One thing that the shell reports, by name.
  struct Telling: CustomTestStringConvertible, Sendable {
    var name: String
    var action: Action
    var report: @Sendable (EffectID) -> Report
    var testDescription: String { name }
  }

  static let failure = StepFailure(code: "Sample", disposition: .stop, message: "a sample")
  static let safe = Verdict(judgement: .safe, checks: 1, coversRollback: true, evidence: [])

  static let bound = WaveBound(good: 0, surge: 1, unavailable: 0)

  static func answer(_ version: String) -> ProbeAnswer {
    ProbeAnswer(id: "beacon-2", reportedVersion: version)
  }

  static func order(_ aim: WorkloadAim) -> WorkloadOrder {
    WorkloadOrder(
      id: "beacon-r1/1-sample-e1", run: "beacon-r1", epoch: Epoch(1), aim: aim,
      release: Samples.second, token: "1")
  }

  /// Every action with the outcomes that the shell may give it.
  static let answers: [(Action, Outcome)] = {
    let order = MigrationOrder(
      run: "beacon-r1", migration: Samples.second.migrations[0], archive: Samples.archive,
      after: SchemaVersion(2), epoch: Epoch(1))
    let start = StartOrder(id: "beacon-3", release: Samples.second)
    let gate = StartGate(window: Samples.second.window, epoch: Epoch(1))
    let receipt = Stage.receipt("beacon-r1-expand", schema: 2)
    var unverified = receipt
    unverified.isVerified = false
    return [
      (.takeFence(after: Epoch(1)), .fenced(Epoch(2))), (.preflight, .done), (.prepare, .done),
      (.backUp("beacon-r1-expand", .beforeExpand), .backedUp(receipt)),
      (.backUp("beacon-r1-contract", .beforeContract), .backedUp(receipt)),
      (.verify("beacon-r1-expand"), .backedUp(receipt)),
      (.verify("beacon-r1-expand"), .backedUp(unverified)),
      (.rehearse("beacon-r1-expand"), .judged(safe)),
      (
        .rehearse("beacon-r1-expand"),
        .judged(Verdict(judgement: .unsafe, checks: 1, coversRollback: false, evidence: ["no"]))
      ),
      (
        .rehearse("beacon-r1-expand"),
        .judged(Verdict(judgement: .unknown, checks: 0, coversRollback: false, evidence: []))
      ),
      (.apply(order, checking: nil), .done),
      (
        .apply(order, checking: nil),
        .advanced(
          BackfillProgress(migration: order.migration.version, table: "t", key: "id", rowsWalked: 5)
        )
      ), (.start(start, gate: gate), .done),
      (.stop("beacon-1"), .done), (.probe("beacon-2"), .probed(failure: nil)),
      (.probe("beacon-2"), .probed(failure: "wrong reply")),
      (.recordCommitPoint("beacon-r1", epoch: Epoch(1)), .done), (.forget("beacon-1"), .done),
      (.order(Self.order(.wave(Self.bound)), gate: gate), .done),
      (.order(Self.order(.whole), gate: gate), .done),
      (.order(Self.order(.hold), gate: nil), .done),
      (.order(Self.order(.retreat), gate: gate), .done),
      (.probeWave(["beacon-2"]), .answered([Self.answer("1.1.0")])),
      (.probeWave(["beacon-2"]), .answered([Self.answer("1.0.0")])),
      (.probeWave(["beacon-2"]), .answered([])),
      (.prune, .done),
    ]
  }()

  static let tellings: [Telling] = answers.enumerated().flatMap { number, answer in
    let (action, outcome) = answer
    var failures: [StepFailure] = []
    for disposition in [Disposition.retry, .wait, .stop] {
      for blames in [false, true] {
        failures.append(
          StepFailure(
            code: "Sample", disposition: disposition, message: "a sample", blamesRelease: blames))
      }
    }
    failures.append(StepFailure(code: "FenceLost", disposition: .stop, message: "a sample"))
    let name = "\(number)-\(action.name)"
    return [
      Telling(name: "\(name) finished", action: action) { .finished($0, outcome) },
      Telling(name: "\(name) never happened", action: action) { .neverHappened($0) },
      Telling(name: "\(name) lost", action: action) { .lost($0) },
      Telling(name: "\(name) unreadable", action: action) { _ in .unreadable(failure) },
    ]
      + failures.map { failure in
        Telling(
          name: "\(name) \(failure.code) \(failure.disposition) \(failure.blamesRelease)",
          action: action
        ) { .failed($0, failure) }
      }
  }

  @Test func `no phase traps on any report, and every record survives its journal`() throws {
    var pairs = 0
    for phase in RunPhase.allCases {
      for telling in Self.tellings {
        for isCommitted in [false, true] {
          pairs += 1
          let record = try told(telling, in: phase, isCommitted: isCommitted)
          let text = try JSONEncoder().encode(record)
          let read = try JSONDecoder().decode(ServiceRecord.self, from: text)
          #expect(read == record, "\(phase) \(telling.name)")
        }
      }
    }
    #expect(pairs == RunPhase.allCases.count * Self.tellings.count * 2)
  }

  /// The record after the report, and after three more looks at the world.
  private func told(
    _ telling: Telling, in phase: RunPhase, isCommitted: Bool
  ) throws -> ServiceRecord {
    var stage = Stage(phase, isCommitted: isCommitted, applied: [3])
    if phase == .rollBack { stage.record.run?.direction = .rollback }
    stage.add("beacon-1", Samples.first)
    stage.add("beacon-2", Samples.second)
    let id: EffectID = "beacon-r1/1-sample"
    stage.record.inFlight = InFlight(id: id, action: telling.action)
    var now = Samples.now + .seconds(1)
    var state = ServiceState(record: stage.record, watch: stage.watch)
    state = step(state, Observation(report: telling.report(id)), now: now).state
    for _ in 0..<3 {
      now = now + .seconds(1)
      state = step(state, stage.observation(at: now, schema: 3), now: now).state
    }
    let direction = try #require(
      state.record.run?.direction ?? state.record.pastRuns.last.map { _ in .forward })
    #expect(
      !(isCommitted && phase != .rollBack && direction == .rollback),
      "\(phase) turned back after its commit point: \(telling.name)")
    return state.record
  }
}
