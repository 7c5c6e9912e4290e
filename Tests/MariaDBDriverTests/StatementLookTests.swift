import Testing
import WindlassCore

@testable import MariaDBDriver

/// When a running statement is looked at, and what a look is worth.
struct StatementLookTests {
  /// One pause: for a statement that may hold and wait for so long, and has held.
  struct Pause: CustomTestStringConvertible {
    var name: String
    var limit: Int64
    var lockLimit: Int64?
    var held: Int64
    var isEnded = false
    var pause: Int64

    var testDescription: String { name }
  }

  static let pauses: [Pause] = [
    Pause(name: "a quarter of the lock's budget", limit: 1_000, lockLimit: 100, held: 0, pause: 25),
    Pause(name: "a quarter of the hold, if less", limit: 40, lockLimit: 100, held: 0, pause: 10),
    Pause(name: "no more often than that", limit: 1_000, lockLimit: 4, held: 0, pause: 5),
    Pause(name: "not beyond its time", limit: 1_000, lockLimit: 100, held: 990, pause: 10),
    Pause(name: "not beyond a short time", limit: 3, lockLimit: 100, held: 0, pause: 3),
    Pause(name: "at once when it is up", limit: 1_000, lockLimit: 100, held: 1_000, pause: 1),
    Pause(name: "and long after", limit: 1_000, lockLimit: 100, held: 90_000, pause: 1),
    Pause(name: "seldom without a lock", limit: 1_000, lockLimit: nil, held: 0, pause: 100),
    Pause(name: "once when that is all", limit: 60, lockLimit: nil, held: 0, pause: 60),
    Pause(
      name: "what was ended has its answer waited for", limit: 1_000, lockLimit: 100, held: 2_000,
      isEnded: true, pause: 100),
  ]

  @Test(arguments: pauses)
  func `the next look comes in time to have seen half of what is decided`(row: Pause) {
    let pace = LookPace(
      limit: .milliseconds(row.limit), lockLimit: row.lockLimit.map { .milliseconds($0) })
    #expect(
      pace.pause(held: .milliseconds(row.held), isEnded: row.isEnded) == .milliseconds(row.pause))
  }

  /// One look at InnoDB's list: at that moment in milliseconds, what the list would say, whether
  /// something is decided by it, and what is believed.
  struct Look {
    var at: Int
    var answer: RowLockReading.Answer
    var isLast = false
    var sight: StatementRecord.Sight
    /// Whether the list is asked, rather than that the answer before is kept.
    var isAsked = true
  }

  struct Series: CustomTestStringConvertible {
    var name: String
    var looks: [Look]

    var testDescription: String { name }
  }

  static let series: [Series] = [
    Series(
      name: "an answer is kept until InnoDB makes its list anew",
      looks: [
        Look(at: 0, answer: .waits("7"), sight: .waiting("row 7")),
        Look(at: 25, answer: .waitsForNothing, sight: .waiting("row 7"), isAsked: false),
        Look(at: 109, answer: .waitsForNothing, sight: .waiting("row 7"), isAsked: false),
        Look(at: 110, answer: .waitsForNothing, sight: .working),
        Look(at: 150, answer: .waits("8"), sight: .working, isAsked: false),
        Look(at: 220, answer: .waits("8"), sight: .waiting("row 8")),
      ]),
    Series(
      name: "what decides is asked for at once, and puts the next list off",
      looks: [
        Look(at: 0, answer: .waitsForNothing, sight: .working),
        Look(at: 60, answer: .waits("7"), isLast: true, sight: .waiting("row 7")),
        Look(at: 120, answer: .waitsForNothing, sight: .waiting("row 7"), isAsked: false),
        Look(at: 170, answer: .waitsForNothing, sight: .working),
      ]),
    Series(
      name: "where nobody on the server waits, this session does not either",
      looks: [
        Look(at: 0, answer: .hidden(waiting: 0), sight: .working),
        Look(at: 120, answer: .hidden(waiting: 0), isLast: true, sight: .working),
      ]),
    Series(
      name: "that somebody waits is believed only when it decides",
      looks: [
        Look(at: 0, answer: .hidden(waiting: 1), sight: .nothing),
        Look(at: 50, answer: .hidden(waiting: 1), sight: .nothing, isAsked: false),
        Look(at: 120, answer: .hidden(waiting: 3), isLast: true, sight: .waiting("row")),
      ]),
    Series(
      name: "where nothing is told nothing is known",
      looks: [
        Look(at: 0, answer: .hidden(waiting: nil), sight: .nothing),
        Look(at: 120, answer: .hidden(waiting: nil), isLast: true, sight: .nothing),
      ]),
    Series(
      name: "what was hidden is no answer to keep",
      looks: [
        Look(at: 0, answer: .hidden(waiting: 0), sight: .working),
        Look(at: 50, answer: .waits("7"), sight: .nothing, isAsked: false),
        Look(at: 110, answer: .waits("7"), sight: .waiting("row 7")),
      ]),
    Series(
      name: "an old list does not tell that the session works",
      looks: [
        Look(at: 0, answer: .old, sight: .nothing),
        Look(at: 50, answer: .waitsForNothing, sight: .nothing, isAsked: false),
        Look(at: 110, answer: .old, isLast: true, sight: .nothing),
        Look(at: 220, answer: .waitsForNothing, sight: .working),
      ]),
  ]

  @Test(arguments: series)
  func `a list that InnoDB does not make anew is not asked again`(row: Series) {
    let start = ContinuousClock.now
    var reading = RowLockReading()
    for look in row.looks {
      let moment = start + .milliseconds(look.at)
      let kept = reading.kept(at: moment, isLast: look.isLast)
      #expect((kept == nil) == look.isAsked, "at \(look.at)")
      let sight = kept ?? reading.note(look.answer, asked: moment, isLast: look.isLast)
      #expect(sight == look.sight, "at \(look.at)")
    }
  }

  @Test(
    arguments: [
      ("Waiting for table metadata lock", .nothing, .waiting("Waiting for table metadata lock")),
      ("Waiting for table metadata lock", .working, .waiting("Waiting for table metadata lock")),
      ("Updating", .working, .working), ("Updating", .waiting("row 7"), .waiting("row 7")),
      ("Updating", .nothing, .nothing), ("", .working, .working),
      // That it waits for no row is not all: it may wait for a table.
      (nil, .working, .nothing), (nil, .waiting("row 7"), .waiting("row 7")),
      (nil, .nothing, .nothing),
    ] as [(String?, StatementRecord.Sight, StatementRecord.Sight)])
  func `a look is put together from the lists of sessions and of rows`(
    state: String?, row: StatementRecord.Sight, sight: StatementRecord.Sight
  ) {
    #expect(StatementRecord.Sight(state: state, row: row) == sight)
  }
}
