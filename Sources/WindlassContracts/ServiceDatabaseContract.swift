import Testing
import WindlassCore

/// What the steps of a run may rely on, whichever database stands behind them.
package enum ServiceDatabaseContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any ServiceDatabaseSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = fence + ledger + commitPoint + preflight

  // MARK: The fence

  private static let fence: [Clause] = [
    Clause("a database that nobody adopted says so") { subject in
      let reading = try await subject.connect().inspect()
      #expect(reading.version == nil)
      #expect(!reading.isDirty)
      #expect(reading.epoch == nil)
      #expect(reading.applied.isEmpty)
      #expect(reading.committedRun == nil)
      #expect(!reading.hasTables)
      #expect(reading.interruptedRun == nil)
    },
    Clause("the fence is taken once by each comparison") { subject in
      let (first, second) = (try await subject.connect(), try await subject.connect())
      #expect(try await first.takeFence(after: nil, run: "one") == Epoch(1))
      #expect(try await second.takeFence(after: Epoch(1), run: "two") == Epoch(2))
      for stale in [nil, Epoch(1), Epoch(3)] {
        let failed = try await failure { _ = try await first.takeFence(after: stale, run: "one") }
        #expect(failed?.code == "FenceLost", "after \(stale?.description ?? "none")")
        #expect(failed?.disposition == .stop)
      }
      #expect(try await second.inspect().epoch == Epoch(2))
    },
    Clause("of many that want the fence at once one gets it") { subject in
      let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 1...4 {
          group.addTask {
            let failed = try await failure {
              _ = try await subject.connect().takeFence(after: nil, run: RunID("run-\(number)"))
            }
            #expect(failed == nil || failed?.code == "FenceLost")
            return failed == nil
          }
        }
        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(winners == 1)
      #expect(try await subject.connect().inspect().epoch == Epoch(1))
    },
    Clause("an adopted database has a name that stays") { subject in
      let (database, epoch) = try await subject.begun()
      let name = try await database.inspect().systemID
      #expect(!name.isEmpty)
      _ = try await database.takeFence(after: epoch, run: "two")
      #expect(try await subject.connect().inspect().systemID == name)
    },
    Clause("under any number but the fence's own nothing is applied") { subject in
      let (database, epoch) = try await subject.begun()
      let next = try await subject.connect().takeFence(after: epoch, run: "two")
      for wrong in [epoch, next.next] {
        let failed = try await failure {
          try await database.apply(.sample(2, after: 1, epoch: wrong, run: "two"))
        }
        #expect(failed?.code == "FenceLost")
        #expect(failed?.disposition == .stop)
      }
      try await expect(subject, at: 1, applied: [1], effects: [0, 0])
    },
  ]

  // MARK: The ledger

  private static let ledger: [Clause] = [
    Clause("a migration moves schema, ledger and history together") { subject in
      let (database, epoch) = try await subject.begun()
      #expect(try await database.inspect().hasTables)
      try await database.apply(.sample(2, after: 1, epoch: epoch))
      try await expect(subject, at: 2, applied: [1, 2], effects: [1, 0])
      try await subject.connect().apply(.sample(3, after: 2, epoch: epoch, run: "other"))
      try await expect(subject, at: 3, applied: [1, 2, 3], effects: [1, 1])
      let reading = try await database.inspect()
      #expect(reading.applied.map(\.run) == ["run", "run", "other"])
      #expect(reading.applied.allSatisfy { $0.checksum.isWellFormed })
    },
    Clause("an order that is repeated by its run does nothing and succeeds") { subject in
      let (database, epoch) = try await subject.begun()
      let order = MigrationOrder.sample(2, after: 1, epoch: epoch)
      for _ in 1...2 { try await database.apply(order) }
      try await subject.connect().apply(order)
      try await expect(subject, at: 2, applied: [1, 2], effects: [1, 0])
    },
    Clause("what one run applied is not applied for another") { subject in
      let (database, epoch) = try await subject.begun()
      try await database.apply(.sample(2, after: 1, epoch: epoch))
      let failed = try await failure {
        try await database.apply(.sample(2, after: 1, epoch: epoch, run: "other"))
      }
      #expect(failed?.code == "LedgerMoved")
      #expect(failed?.disposition == .stop)
      try await expect(subject, at: 2, applied: [1, 2], effects: [1, 0])
    },
    Clause("an order for a ledger that stands elsewhere changes nothing") { subject in
      let (database, epoch) = try await subject.begun()
      for wrong: SchemaVersion? in [nil, 2] {
        let failed = try await failure {
          try await database.apply(.sample(3, after: wrong, epoch: epoch))
        }
        #expect(failed?.disposition == .stop, "after \(wrong?.description ?? "nothing")")
      }
      try await expect(subject, at: 1, applied: [1], effects: [0, 0])
    },
    Clause("a mark that another tool left is refused and stays") { subject in
      let (database, epoch) = try await subject.begun()
      try await subject.writeLedger(1, isDirty: true)
      let failed = try await failure {
        try await database.apply(.sample(2, after: 1, epoch: epoch))
      }
      #expect(failed?.code == "DirtyLedger")
      #expect(failed?.disposition == .stop)
      let reading = try await subject.connect().inspect()
      #expect(reading.isDirty)
      #expect(reading.version == 1)
      #expect(reading.interruptedRun == nil)
      #expect(try await subject.effects() == [0, 0])
    },
    Clause("a migration that fails is not applied, and a mark that it leaves names its run") {
      subject in
      let (database, epoch) = try await subject.begun()
      let failed = try await failure {
        try await database.apply(.sample(4, after: 1, epoch: epoch))
      }
      #expect(failed?.disposition == .stop)
      let reading = try await subject.connect().inspect()
      #expect(reading.version == 1)
      #expect(reading.applied.map(\.version) == [1])
      #expect(reading.isDirty ? reading.interruptedRun == "run" : reading.interruptedRun == nil)
    },
    Clause("two daemons with one order apply it once") { subject in
      let (first, epoch) = try await subject.begun()
      let second = try await subject.connect()
      let order = MigrationOrder.sample(2, after: 1, epoch: epoch)
      async let one: Void = first.apply(order)
      async let two: Void = second.apply(order)
      _ = try await (one, two)
      try await expect(subject, at: 2, applied: [1, 2], effects: [1, 0])
    },
    Clause("an order whose reply was lost is applied once, however often it is sent") { subject in
      let (_, epoch) = try await subject.begun()
      let order = MigrationOrder.sample(2, after: 1, epoch: epoch)
      try await subject.applyLosingReply(order)
      try await subject.connect().apply(order)
      try await expect(subject, at: 2, applied: [1, 2], effects: [1, 0])
    },
    Clause("a lock that is not had is worth another try, and until then nothing is applied") {
      subject in
      let (database, epoch) = try await subject.begun()
      let order = MigrationOrder.sample(2, after: 1, epoch: epoch)
      try await subject.whileLocked { impatient in
        let failed = try await failure { try await impatient.apply(order) }
        #expect(failed?.disposition == .retry, "\(failed?.description ?? "none")")
      }
      #expect(try await subject.connect().inspect().applied.map(\.version) == [1])
      #expect(try await subject.effects() == [0, 0])
      try await database.apply(order)
      try await expect(subject, at: 2, applied: [1, 2], effects: [1, 0])
    },
  ]

  // MARK: The commit point

  private static let commitPoint: [Clause] = [
    Clause("a commit point is recorded under the fence, once or again") { subject in
      let (database, epoch) = try await subject.begun()
      for _ in 1...2 { try await database.recordCommitPoint("run", epoch: epoch) }
      #expect(try await subject.connect().inspect().committedRun == "run")
      let next = try await subject.connect().takeFence(after: epoch, run: "two")
      #expect(try await database.inspect().committedRun == "run")
      try await database.recordCommitPoint("two", epoch: next)
      #expect(try await database.inspect().committedRun == "two")
    },
    Clause("a deposed daemon records no commit point") { subject in
      let (database, epoch) = try await subject.begun()
      _ = try await subject.connect().takeFence(after: epoch, run: "two")
      let failed = try await failure {
        try await database.recordCommitPoint("run", epoch: epoch)
      }
      #expect(failed?.code == "FenceLost")
      #expect(failed?.disposition == .stop)
      #expect(try await database.inspect().committedRun == nil)
    },
  ]

  // MARK: Preflight

  private static let preflight: [Clause] = [
    Clause("preflight passes a plan that fits, and changes nothing") { subject in
      let (database, _) = try await subject.begun()
      var before = try await database.inspect()
      try await database.preflight(.sample([2], before: 1))
      let after = try await database.inspect()
      before.asOf = after.asOf
      #expect(after == before)
      #expect(try await subject.effects() == [0, 0])
    },
    Clause("preflight tells a ledger that moved, and one that is dirty") { subject in
      let (database, epoch) = try await subject.begun()
      try await database.apply(.sample(2, after: 1, epoch: epoch))
      let moved = try await failure { try await database.preflight(.sample([3], before: 1)) }
      #expect(moved?.code == "LedgerMoved")
      #expect(moved?.disposition == .stop)
      try await subject.writeLedger(2, isDirty: true)
      let dirty = try await failure { try await database.preflight(.sample([3], before: 2)) }
      #expect(dirty?.code == "DirtyLedger")
      #expect(dirty?.disposition == .stop)
    },
  ]

  /// Looks with a connection of its own at everything that an order may have changed.
  private static func expect(
    _ subject: any ServiceDatabaseSubject, at version: SchemaVersion, applied: [SchemaVersion],
    effects: [Int]
  ) async throws {
    let reading = try await subject.connect().inspect()
    #expect(reading.version == version)
    #expect(!reading.isDirty)
    #expect(reading.applied.map(\.version) == applied)
    #expect(try await subject.effects() == effects)
  }
}
