import Testing
import WindlassCore

@testable import MariaDBDriver

/// What is said of a statement, by the times at which somebody looked and what was seen.
struct StatementRecordTests {
  /// One look: when it began and was answered, in milliseconds, and what it saw.
  struct Look: CustomTestStringConvertible {
    var at: Int
    var sight: StatementRecord.Sight
    /// How long the answer took.
    var took = 0

    var testDescription: String { "\(sight) at \(at)" }
  }

  /// A statement that may wait 100 ms for a lock and hold one for a second.
  struct Row: CustomTestStringConvertible {
    var name: String
    var looks: [Look]
    /// What follows from the last look; all others let it go on.
    var judgement: StatementRecord.Judgement
    var lockLimit: Interval? = .milliseconds(100)
    var holdsLocks = false

    var testDescription: String { name }
  }

  private static func looks(
    _ range: some Sequence<Int>, _ sight: StatementRecord.Sight
  ) -> [Look] { range.map { Look(at: $0, sight: sight) } }

  static let rows: [Row] = [
    Row(
      name: "seen at work all the time",
      looks: looks(stride(from: 25, through: 1_000, by: 25), .working), judgement: .overdue),
    Row(
      name: "seen at work since half of the time", looks: looks([500, 1_000], .working),
      judgement: .overdue),
    Row(
      name: "nobody looked until it was over", looks: [Look(at: 1_200, sight: .working)],
      judgement: .unseen),
    Row(
      name: "the first look took all the time",
      looks: [Look(at: 25, sight: .working, took: 975), Look(at: 1_001, sight: .working)],
      judgement: .unseen),
    Row(
      name: "nobody looked, and now it waits", looks: [Look(at: 1_200, sight: .waiting("t"))],
      judgement: .waitedForLock),
    Row(
      name: "it waited, and nobody looked behind that",
      looks: [Look(at: 25, sight: .waiting("t")), Look(at: 1_100, sight: .working)],
      judgement: .unseen),
    Row(
      name: "it waited, and nobody could look any more",
      looks: [Look(at: 25, sight: .waiting("t")), Look(at: 1_100, sight: .nothing)],
      judgement: .waitedForLock),
    Row(
      name: "nobody could ever look", looks: looks([25, 500, 1_000], .nothing),
      judgement: .unseen),
    Row(
      name: "it was at work, and nobody could look any more",
      looks: looks([25, 50], .working) + looks([500, 1_000], .nothing), judgement: .overdue),
    Row(
      name: "it waits for longer than it may", looks: looks([25, 50, 75, 100], .waiting("t")),
      judgement: .waitedForLock),
    Row(
      name: "one lock after the other is had in time",
      looks: [25, 75, 125, 175, 225].map { Look(at: $0, sight: .waiting("row \($0 / 50)")) },
      judgement: .goesOn),
    Row(
      name: "what it waited for first is not counted",
      looks: looks([25, 75], .waiting("t")) + looks([100, 600, 1_050], .working),
      judgement: .goesOn),
    Row(
      name: "and what it held behind that is",
      looks: looks([25, 75], .waiting("t")) + looks([100, 600, 1_075], .working),
      judgement: .overdue),
    Row(
      name: "whoever waits with locks in hand keeps others out",
      looks: looks([25, 75], .working) + looks([950], .nothing)
        + [Look(at: 1_000, sight: .waiting("t"))], judgement: .waitedForLock, holdsLocks: true),
    Row(
      name: "without a lock to wait for it works from the first moment on",
      looks: looks([1_000], .nothing), judgement: .overdue, lockLimit: nil),
    Row(
      name: "on time", looks: looks([25, 999], .working), judgement: .goesOn),
  ]

  @Test(arguments: rows)
  func `a statement is blamed only for what a look saw`(row: Row) {
    let start = ContinuousClock.now
    var record = StatementRecord(
      limit: .seconds(1), lockLimit: row.lockLimit, holdsLocks: row.holdsLocks, at: start)
    var judgements: [StatementRecord.Judgement] = []
    for look in row.looks {
      judgements.append(
        record.note(
          look.sight, asked: start + .milliseconds(look.at),
          answered: start + .milliseconds(look.at + look.took)))
    }
    let others = row.looks.dropLast().map { _ in StatementRecord.Judgement.goesOn }
    #expect(judgements == others + [row.judgement])
  }

  @Test func `what is known to be held begins with a look, or with the end`() {
    let start = ContinuousClock.now
    var record = StatementRecord(
      limit: .seconds(1), lockLimit: .milliseconds(100), holdsLocks: false, at: start)
    let unseen = record.hold(endedBy: start + .milliseconds(700))
    #expect(unseen.possible == start && unseen.known == start + .milliseconds(700))
    _ = record.note(
      .working, asked: start + .milliseconds(20), answered: start + .milliseconds(30))
    let seen = record.hold(endedBy: start + .milliseconds(700))
    #expect(seen.possible == start && seen.known == start + .milliseconds(30))
  }
}
