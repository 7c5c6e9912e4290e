import Testing
import WindlassCore
import WindlassSimulation

@testable import windlass

/// When a sidecar may try to lead.
@Suite struct CandidacyTests {
  private let theirs = Lease(holder: "them", term: 4, beat: 9)
  private func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

  @Test func `a lease that nobody ever had is taken at once`() {
    var candidacy = Candidacy(holder: "me")
    let move = candidacy.consider(nil, at: time(0))
    #expect(move == .take(Lease(holder: "me", term: 1), after: nil))
  }

  @Test func `a lease that was given up is taken at once, with the next term`() {
    var candidacy = Candidacy(holder: "me")
    let move = candidacy.consider(theirs.released, at: time(0))
    #expect(move == .take(Lease(holder: "me", term: 5), after: theirs.released))
  }

  @Test func `a lease is taken over when it stood still for its whole length`() {
    var candidacy = Candidacy(holder: "me")
    #expect(candidacy.consider(theirs, at: time(100)) == .wait)
    #expect(candidacy.consider(theirs, at: time(114)) == .wait)
    let taken = Lease(holder: "me", term: 5)
    #expect(candidacy.consider(theirs, at: time(115)) == .take(taken, after: theirs))
  }

  @Test func `each renewal begins the wait anew`() {
    var candidacy = Candidacy(holder: "me")
    #expect(candidacy.consider(theirs, at: time(0)) == .wait)
    #expect(candidacy.consider(theirs.renewed, at: time(14)) == .wait)
    #expect(candidacy.consider(theirs.renewed, at: time(28)) == .wait)
    // Nor does a lease that went away and came back count as one that stood still.
    _ = candidacy.consider(nil, at: time(28))
    #expect(candidacy.consider(theirs.renewed, at: time(40)) == .wait)
  }

  @Test func `one's own lease, whose reply was lost, is taken back`() {
    var candidacy = Candidacy(holder: "me")
    let mine = Lease(holder: "me", term: 5)
    #expect(candidacy.consider(mine, at: time(0)) == .take(mine.renewed, after: mine))
  }
}

/// How a lease is won, kept and given up.
@Suite struct LeaseKeeperTests {
  private let coordination = SimulatedCoordination()
  private let clock = SimulatedClock()

  private func keeper(_ holder: String) -> LeaseKeeper {
    LeaseKeeper(coordination: coordination, clock: clock, holder: holder)
  }

  private func win(_ holder: String) async -> Lease? {
    await keeper(holder).win(while: { true }, tell: { _, _ in })
  }

  @Test func `a leader that was deposed is told so at its next renewal`() async throws {
    let mine = try #require(await win("me"))
    #expect(try await coordination.take(Lease(holder: "them", term: 2), after: mine))
    #expect(await keeper("me").renew(mine) == nil)
    #expect(try await coordination.read().lease?.holder == "them")
  }

  @Test func `a leader that can't renew gives up before others may take over`() async throws {
    let mine = try #require(await win("me"))
    coordination.fail(
      with: StepFailure(code: "Away", disposition: .retry, message: "the database is away"))
    let began = clock.now()
    #expect(await keeper("me").renew(mine) == nil)
    let gone = clock.now() - began
    #expect(gone >= Bounds.leaseRenewalMax)
    #expect(gone < Bounds.leaseLength)
  }

  @Test func `a lease that is given up is the next one's at once`() async throws {
    let mine = try #require(await win("me"))
    await keeper("me").release(mine)
    let began = clock.now()
    #expect(await win("you") == Lease(holder: "you", term: 2))
    // It slept for no look: this clock goes on by a moment whenever it is read.
    #expect(clock.now() - began < Bounds.leaseInterval)
  }

  @Test func `a silent leader is replaced after the length of its lease`() async throws {
    _ = try #require(await win("me"))
    let began = clock.now()
    #expect(await win("you") == Lease(holder: "you", term: 2))
    #expect(clock.now() - began >= Bounds.leaseLength)
  }
}
