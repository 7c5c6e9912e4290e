import Testing
import WindlassCore
import WindlassSchema

/// A table in memory whose transactions can be cut off anywhere.
private final class MemoryTable {
  struct Contents: Equatable {
    /// How often each key's row was changed.
    var rows: [Int64: Int] = [:]
    var mark: BackfillMark?
    var history: [HistoryEntry] = []
  }

  var committed = Contents()
  /// What each call inside a transaction is counted by.
  var calls = 0
  /// The call at which the process dies, or the connection is lost.
  var diesAt: Int?
  /// Whether the reply to a commit gets lost once.
  var losesReply = false
  /// Rows that take longer than the hold budget.
  var rowsMax = Int.max
  /// How often the row of that key still takes longer than the hold budget by itself.
  var stalls: [Int64: Int] = [:]
  /// What the failure of such a row is called.
  var stall = "HoldBudgetExceeded"
  /// Batches that were committed.
  var sizes: [Int] = []
  /// Whether a row that was changed once is changed again.
  var changesAgain = true

  static let death = StepFailure(code: "Killed", disposition: .stop, message: "killed")

  init(_ keys: some Sequence<Int64>) { for key in keys { committed.rows[key] = 0 } }

  func batch(_ step: BackfillStep, _ limit: Int?) throws(StepFailure) -> BackfillBatch {
    let transaction = MemoryTransaction(self)
    let result: BackfillBatch
    if let entry = committed.history.first {
      #expect(entry.version == step.step.body.version)
      result = .finished
    } else {
      result = try step.perform(on: transaction, limit: limit, estimate: nil)
    }
    try count()
    committed = transaction.contents
    sizes.append(transaction.size)
    if losesReply {
      losesReply = false
      throw StepFailure(code: "OutcomeUnknown", disposition: .retry, message: "lost")
    }
    return result
  }

  fileprivate func count() throws(StepFailure) {
    calls += 1
    if calls == diesAt { throw Self.death }
  }
}

private final class MemoryTransaction: BackfillTransaction {
  let table: MemoryTable
  var contents: MemoryTable.Contents
  var size = 0

  init(_ table: MemoryTable) {
    self.table = table
    contents = table.committed
  }

  func mark(of version: SchemaVersion) throws(StepFailure) -> BackfillMark? {
    try table.count()
    return contents.mark
  }

  func write(_ mark: BackfillMark) throws(StepFailure) {
    try table.count()
    contents.mark = mark
  }

  func lastKey() throws(StepFailure) -> SQLValue {
    try table.count()
    return contents.rows.keys.max().map { .integer($0) } ?? .null
  }

  private func keys(_ after: SQLValue, _ end: SQLValue) -> [Int64] {
    contents.rows.keys.filter { $0 > after.integer ?? .min && $0 <= end.integer ?? .max }.sorted()
  }

  func range(after: SQLValue, end: SQLValue, limit: Int) throws(StepFailure) -> BackfillRange? {
    try table.count()
    let keys = keys(after, end).prefix(limit)
    return keys.last.map { last in
      BackfillRange(after: after, last: .integer(last), rows: Int64(keys.count))
    }
  }

  func change(_ range: BackfillRange) throws(StepFailure) -> Int64 {
    try table.count()
    let keys = keys(range.after, range.last).filter { key in
      table.changesAgain || contents.rows[key] == 0
    }
    size = keys.count
    guard keys.count <= table.rowsMax else {
      throw StepFailure(code: "HoldBudgetExceeded", disposition: .stop, message: "too long")
    }
    for key in keys where table.stalls[key, default: 0] > 0 {
      table.stalls[key, default: 0] -= keys.count == 1 ? 1 : 0
      throw StepFailure(code: table.stall, disposition: .stop, message: "too long")
    }
    for key in keys { contents.rows[key, default: 0] += 1 }
    return Int64(keys.count)
  }

  func finish(_ entry: HistoryEntry) throws(StepFailure) {
    try table.count()
    contents.history.append(entry)
    contents.mark = nil
  }
}

@Suite struct BackfillWalkTests {
  private static func step(
    _ fields: String = "batch=3", _ text: String = ""
  ) throws -> BackfillStep {
    let body = try MigrationBody(
      version: 4, file: "4_a.up.sql",
      bytes: Array(
        """
        -- windlass: backfill table=t key=id \(fields)
        UPDATE t SET a = a + 1 WHERE /* windlass: range */ TRUE\(text)
        """.utf8))
    let step = MigrationStep(
      body: body, phase: .backfill, run: "r", fence: .none, after: 3,
      startedAt: Timestamp(milliseconds: 1))
    return BackfillStep(
      step: step, backfill: try #require(try Backfill(body, dialect: .sqlite)),
      pace: BackfillPace(holdBudget: .seconds(1), share: 100))
  }

  private static func carryOn(
    _ step: BackfillStep, _ table: MemoryTable,
    while goesOn: @escaping BackfillWatch = { _ in true }
  ) async throws(StepFailure) -> BackfillOutcome {
    try await BackfillWalk(
      pace: step.pace, deadline: .seconds(60), overdue: { failure, _ in failure }, goesOn: goesOn
    ).carryOn(
      step.backfill, 4, from: table.committed.mark, pressure: { () throws(StepFailure) in nil },
      batch: { limit throws(StepFailure) in try table.batch(step, limit) })
  }

  @Test func `every row is changed once and the migration is in the history`() async throws {
    let table = MemoryTable(1...100)
    let outcome = try await Self.carryOn(try Self.step(), table)
    #expect(outcome.isFinished)
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
    #expect(table.committed.history.map(\.file) == ["4_a.up.sql"])
    #expect(table.committed.mark == nil)
  }

  @Test func `an empty table is done at once`() async throws {
    let table = MemoryTable([])
    #expect(try await Self.carryOn(try Self.step(), table).isFinished)
    #expect(table.committed.history.count == 1)
  }

  @Test func `whatever call is the last one, no row is changed twice or left out`() async throws {
    let step = try Self.step()
    for point in 1...60 {
      let table = MemoryTable([-5, 0, 1, 2, 3, 7, 8, 9, 20, 21, 22, 23, 1_000])
      table.diesAt = point
      var deaths = 0
      while true {
        do {
          if try await Self.carryOn(step, table).isFinished { break }
        } catch {
          #expect(error.code == "Killed", "point \(point)")
          deaths += 1
        }
      }
      #expect(deaths <= 1)
      #expect(table.committed.rows.values.allSatisfy { $0 == 1 }, "point \(point)")
      #expect(table.committed.history.count == 1, "point \(point)")
    }
  }

  @Test func `a failure behind committed batches is told by the next attempt`() async throws {
    let table = MemoryTable(1...9)
    // The fifth call belongs to the second batch.
    table.diesAt = 8
    let outcome = try await Self.carryOn(try Self.step(), table)
    #expect(!outcome.isFinished)
    #expect(outcome.progress.rowsWalked == 3)
    table.diesAt = table.calls + 1
    await #expect {
      try await Self.carryOn(try Self.step(), table)
    } throws: { ($0 as? StepFailure)?.code == "Killed" }
  }

  @Test func `a reply to a commit that is lost is no second change`() async throws {
    let table = MemoryTable(1...7)
    table.losesReply = true
    #expect(try await Self.carryOn(try Self.step(), table).isFinished)
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
  }

  @Test func `it ends after the batch under way when it is told to, and goes on from there`()
    async throws
  {
    let step = try Self.step()
    let table = MemoryTable(1...20)
    var attempts = 0
    while try await !Self.carryOn(step, table, while: { _ in false }).isFinished { attempts += 1 }
    #expect(attempts > 1)
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
  }

  @Test func `a batch that is too large is made smaller until it fits`() async throws {
    let table = MemoryTable(1...500)
    table.rowsMax = 7
    #expect(try await Self.carryOn(try Self.step("batch=400"), table).isFinished)
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
    #expect(table.sizes.allSatisfy { $0 <= 7 })
  }

  // Interrupted is what the server's own limit makes of it.
  @Test(arguments: ["HoldBudgetExceeded", "Interrupted"])
  func `one row that stalls for a while is tried again until it goes`(code: String) async throws {
    let table = MemoryTable(1...9)
    table.stall = code
    table.stalls = [5: Bounds.backfillStallsMax - 1, 7: Bounds.backfillStallsMax - 1]
    #expect(try await Self.carryOn(try Self.step(), table).isFinished)
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
    #expect(table.stalls == [5: 0, 7: 0])
  }

  @Test func `one row that always stalls is told with the key it stands behind`() async throws {
    let table = MemoryTable(1...9)
    table.stalls[6] = .max
    let first = try await Self.carryOn(try Self.step(), table)
    #expect(!first.isFinished)
    let failure = await #expect(throws: StepFailure.self) {
      try await Self.carryOn(try Self.step(), table)
    }
    #expect(failure?.code == "BackfillStalled")
    #expect(failure?.disposition == .stop)
    #expect(failure?.message.hasPrefix("The row of t behind id 5 exceeded the hold budget") == true)
    #expect(table.stalls[6] == .max - 2 * Bounds.backfillStallsMax)
    #expect(table.committed.rows.filter { $0.value == 1 }.keys.max() == 5)
  }

  @Test func `the first row is told as such`() async throws {
    let table = MemoryTable(1...5)
    table.stalls[1] = .max
    let failure = await #expect(throws: StepFailure.self) {
      try await Self.carryOn(try Self.step(), table)
    }
    #expect(failure?.code == "BackfillStalled")
    #expect(failure?.message.hasPrefix("The first row of t exceeded") == true)
  }

  @Test func `after a stall it rests as after any other batch, and can be ended meanwhile`()
    async throws
  {
    let table = MemoryTable(1...5)
    table.stalls[1] = .max
    let outcome = try await Self.carryOn(try Self.step(), table, while: { _ in false })
    #expect(!outcome.isFinished)
    #expect(outcome.progress.rowsWalked == 0)
    #expect(table.committed.mark == nil)
  }

  @Test func `rows that come behind the cursor or above the end are not this walk's`() async throws
  {
    let step = try Self.step("batch=2")
    let table = MemoryTable([10, 20, 30, 40])
    #expect(try await !Self.carryOn(step, table, while: { _ in false }).isFinished)
    for key in [5, 15, 25, 99] as [Int64] { table.committed.rows[key] = 0 }
    while try await !Self.carryOn(step, table).isFinished {}
    #expect(
      table.committed.rows == [5: 0, 10: 1, 15: 0, 20: 1, 25: 1, 30: 1, 40: 1, 99: 0])
  }

  @Test func `a repeated backfill walks until a whole walk changes nothing`() async throws {
    let step = try Self.step("batch=2 repeat=until-unchanged")
    let table = MemoryTable([10, 20, 30])
    table.changesAgain = false
    #expect(try await !Self.carryOn(step, table, while: { _ in false }).isFinished)
    for key in [5, 99] as [Int64] { table.committed.rows[key] = 0 }
    var walks: Set<Int> = []
    while try await !Self.carryOn(step, table).isFinished {
      walks.insert(table.committed.mark?.walk ?? 0)
    }
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
  }

  @Test func `a repeated backfill that never settles is told`() async throws {
    let step = try Self.step("repeat=until-unchanged")
    let table = MemoryTable(1...4)
    await #expect {
      while try await !Self.carryOn(step, table).isFinished {}
    } throws: { ($0 as? StepFailure)?.code == "BackfillUnsettled" }
    #expect(table.committed.rows.values.allSatisfy { $0 == Bounds.backfillWalksMax })
  }

  @Test func `a file that changed under way is refused, and the old one goes on`() async throws {
    let table = MemoryTable(1...20)
    _ = try await Self.carryOn(try Self.step(), table, while: { _ in false })
    await #expect {
      try await Self.carryOn(try Self.step("batch=3", " AND a = 0"), table)
    } throws: { ($0 as? StepFailure)?.code == "ChangedFile" }
    while try await !Self.carryOn(try Self.step(), table).isFinished {}
    #expect(table.committed.rows.values.allSatisfy { $0 == 1 })
  }

  @Test func `it waits while others suffer, says why, and can be ended meanwhile`() async throws {
    let step = try Self.step()
    let table = MemoryTable(1...9)
    let walk = BackfillWalk(
      pace: step.pace, deadline: .seconds(1), overdue: { failure, _ in failure },
      goesOn: { $0.heldUpBy == nil })
    let outcome = try await walk.carryOn(
      step.backfill, 4, from: nil, pressure: { () throws(StepFailure) in "a replica lags" },
      batch: { limit throws(StepFailure) in try table.batch(step, limit) })
    #expect(!outcome.isFinished)
    #expect(outcome.progress.rowsWalked == 0)
    #expect(table.sizes.isEmpty)
  }

  // MARK: Pace

  @Test func `a batch grows to what fits into its time, and shrinks below it`() {
    let pace = BackfillPace(holdBudget: .seconds(1))
    #expect(pace.target == .milliseconds(200))
    #expect(pace.size(after: 1_000, took: .milliseconds(200)) == 1_000)
    #expect(pace.size(after: 1_000, took: .milliseconds(1)) == 2_000)
    #expect(pace.size(after: 1_000, took: .milliseconds(160)) == 1_250)
    #expect(pace.size(after: 1_000, took: .seconds(60)) == 250)
    #expect(pace.size(after: 1, took: .seconds(60)) == 1)
    #expect(
      pace.size(after: Bounds.backfillBatchMax, took: .milliseconds(1)) == Bounds.backfillBatchMax)
    #expect(BackfillPace(holdBudget: .milliseconds(100)).target == .milliseconds(50))
  }

  @Test func `it rests in proportion to its work`() {
    let half = BackfillPace(holdBudget: nil, share: 50)
    #expect(half.rest(after: .milliseconds(200)) == .milliseconds(200))
    let tenth = BackfillPace(holdBudget: nil, share: 10)
    #expect(tenth.rest(after: .milliseconds(200)) == .milliseconds(1_800))
    #expect(BackfillPace(holdBudget: nil, share: 100).rest(after: .seconds(1)) == .zero)
    #expect(
      BackfillPace(holdBudget: nil, share: 1).rest(after: .seconds(60)) == Bounds.backfillRestMax)
  }

  @Test func `a mark reads back as it was written`() throws {
    var mark = BackfillMark(
      try Self.step().step, BackfillDirective(table: "t", key: "id"), end: .text("zz"),
      estimate: 5)
    mark.cursor = .integer(-7)
    mark.walked = 12
    let row = SQLRow(columns: BackfillMark.columns, values: mark.values)
    #expect(BackfillMark(row) == mark)
  }

  @Test func `the part that is done stays below everything`() {
    var progress = BackfillProgress(migration: 4, table: "t", key: "id", rowsWalked: 5)
    #expect(progress.percent == nil)
    progress.rowsEstimated = 10
    #expect(progress.percent == 50)
    progress.rowsWalked = 1_000
    #expect(progress.percent == 99)
    progress.rowsWalked = .max
    #expect(progress.percent == 99)
  }
}
