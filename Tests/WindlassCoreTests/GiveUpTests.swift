import Testing
import WindlassCore

/// Runs that are given up for another wish: those that stand and have changed nothing.
struct GiveUpTests {
  private static let now = Samples.now + .seconds(10)

  /// How something fails that is tried again and again.
  private static func failure(_ disposition: Disposition) -> StepFailure {
    StepFailure(
      code: "StepNotStarted", disposition: disposition, message: "secret \"url\" not found")
  }

  /// What comes of it when a run is to be given up.
  private static func givenUp(_ stage: Stage) -> ServiceRecord {
    let decision = Decision(choice: .giveUp, by: "spec of shop/beacon", reason: "it was changed")
    let state = ServiceState(record: stage.record, watch: stage.watch)
    return step(state, Observation(decisions: [decision]), now: now).state.record
  }

  /// A run whose backup is tried again and again.
  private static func retrying(_ disposition: Disposition) -> Stage {
    var stage = Stage(.backUp)
    stage.record.run?.backup = nil
    stage.record.retry = Retry(
      action: "back-up", attempts: 3, at: now + .seconds(30), failure: failure(disposition))
    return stage
  }

  @Test func `a run that waits for something outside is refused, and the next may begin at once`()
    throws
  {
    let record = Self.givenUp(Self.retrying(.wait))
    #expect(record.run == nil)
    #expect(record.retry == nil)
    #expect(record.refusedUntil == nil)
    #expect(record.quarantine.isEmpty)
    let ended = try #require(record.pastRuns.last)
    #expect(ended.ending == .refused)
    #expect(
      ended.reason == Block(code: "GivenUp", message: "spec of shop/beacon: it was changed"))
  }

  @Test func `a run that waits for a person, or reads in vain, is refused as well`() {
    var blocked = Stage(.prove)
    blocked.record.run?.block = Block(code: "ProofUnknown", message: "nothing was shown")
    #expect(Self.givenUp(blocked).pastRuns.last?.ending == .refused)
    var blind = Stage(.preflight)
    blind.watch.unreadable = Self.failure(.wait)
    #expect(Self.givenUp(blind).pastRuns.last?.ending == .refused)
  }

  @Test func `a run that goes on, or comes back by itself, is left alone`() {
    #expect(Self.givenUp(Stage(.backUp)).run != nil)
    #expect(Self.givenUp(Self.retrying(.retry)).run != nil)
  }

  @Test func `a run that is about to change something is left alone: that may be on its way`() {
    var blind = Stage(.expand)
    blind.record.retry = Retry(
      action: "expand", attempts: 3, at: Self.now + .seconds(30), failure: Self.failure(.wait))
    #expect(Self.givenUp(blind).run != nil)
  }

  @Test func `a run that has changed something is left alone, whatever it waits for`() {
    var migrated = Stage(.expand, applied: [3])
    migrated.record.retry = Retry(
      action: "backfill", attempts: 3, at: Self.now + .seconds(30), failure: Self.failure(.wait))
    #expect(Self.givenUp(migrated).run != nil)
    var ordered = Stage(.roll, applied: [3, 4])
    ordered.record.run?.orderedAt = Samples.now
    ordered.record.run?.block = Block(code: "NoProgress", message: "no pod came")
    #expect(Self.givenUp(ordered).run != nil)
    var begun = Stage(.prove)
    begun.record.inFlight = InFlight(
      id: "beacon-r1/8-prune", action: .prune)
    begun.record.run?.block = Block(code: "ProofUnknown", message: "nothing was shown")
    #expect(Self.givenUp(begun).run != nil)
  }
}
