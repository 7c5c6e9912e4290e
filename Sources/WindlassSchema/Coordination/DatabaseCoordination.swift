package import WindlassCore

/// Lease and slots in the service's database.
package actor DatabaseCoordination: Coordination {
  private let session: any DatabaseSession
  private let dialect: CoordinationDialect
  private var hasTables = false

  /// Time in which the tables must be made, over all attempts.
  private static let makingMax = Interval.seconds(30)

  /// Makes nothing yet; the tables are made with the first use.
  package init(_ session: any DatabaseSession, _ dialect: CoordinationDialect) {
    self.session = session
    self.dialect = dialect
  }

  package func read() async throws(StepFailure) -> (lease: Lease?, slots: [Slot]) {
    do throws(StepFailure) {
      try await makeTables()
      return try await readTables()
    } catch {
      // They may have gone with a restore.
      hasTables = false
      throw error
    }
  }

  private func readTables() async throws(StepFailure) -> (lease: Lease?, slots: [Slot]) {
    let leases = try await session.rows(
      SQLStatement("SELECT holder, term, beat FROM \(OwnTables.lease) WHERE id = 1"), limit: 1)
    let slots = try await session.rows(
      SQLStatement("SELECT name, beat, orders, report FROM \(OwnTables.slot) ORDER BY name"),
      limit: Bounds.slotsMax)
    let read = try slots.map { (row) throws(StepFailure) in try Slot(row) }
    let lease = try leases.first.map { (row) throws(StepFailure) in try Lease(row) }
    // In an order that no collation of a server has a hand in.
    return (lease, read.sorted { $0.replica < $1.replica })
  }

  package func take(_ lease: Lease, after seen: Lease?) async throws(StepFailure) -> Bool {
    try await makeTables()
    let place = dialect.parameter
    let new: [SQLValue] = [.text(lease.holder), .integer(lease.term), .integer(lease.beat)]
    guard let seen else {
      let statement = dialect.inserting(into: OwnTables.lease, ["holder", "term", "beat", "id"])
      return try await changes(SQLStatement(statement, new + [.integer(1)])) == 1
    }
    let statement = """
      UPDATE \(OwnTables.lease) SET holder = \(place(1)), term = \(place(2)), beat = \(place(3))
      WHERE id = 1 AND holder = \(place(4)) AND term = \(place(5)) AND beat = \(place(6))
      """
    return try await changes(
      SQLStatement(
        statement, new + [.text(seen.holder), .integer(seen.term), .integer(seen.beat)])) == 1
  }

  package func report(
    _ report: String, of replica: ReplicaID
  ) async throws(StepFailure) -> String {
    do throws(StepFailure) {
      try await makeTables()
      return try await beat(report, replica)
    } catch {
      hasTables = false
      throw error
    }
  }

  private func beat(
    _ report: String, _ replica: ReplicaID
  ) async throws(StepFailure) -> String {
    let (first, second) = (dialect.parameter(1), dialect.parameter(2))
    let beaten = try await changes(
      SQLStatement(
        "UPDATE \(OwnTables.slot) SET beat = beat + 1, report = \(first) WHERE name = \(second)",
        [.text(report), .text(replica.text)]))
    if beaten == 0 {
      let statement = dialect.inserting(
        into: OwnTables.slot, ["name", "beat", "orders", "report"])
      _ = try await changes(
        SQLStatement(statement, [.text(replica.text), .integer(1), .text(""), .text(report)]))
    }
    let rows = try await session.rows(
      SQLStatement(
        "SELECT orders FROM \(OwnTables.slot) WHERE name = \(first)", [.text(replica.text)]),
      limit: 1)
    return rows.first?["orders"].coordinationText ?? ""
  }

  package func order(
    _ orders: String, to replica: ReplicaID, under lease: Lease
  ) async throws(StepFailure) {
    try await makeTables()
    let (first, second) = (dialect.parameter(1), dialect.parameter(2))
    _ = try await session.apply(
      StatementBatch(
        parts: [
          dialect.requiring(lease),
          .require(
            SQLStatement(
              "SELECT COUNT(*) FROM \(OwnTables.slot) WHERE name = \(first)",
              [.text(replica.text)]),
            equals: .integer(1), orFail: .slotGone(replica)),
          .execute(
            SQLStatement(
              "UPDATE \(OwnTables.slot) SET orders = \(first) WHERE name = \(second)",
              [.text(orders), .text(replica.text)])),
        ], holdBudget: Bounds.journalHoldBudget))
  }

  package func remove(_ slot: Slot, under lease: Lease) async throws(StepFailure) {
    try await makeTables()
    let (first, second) = (dialect.parameter(1), dialect.parameter(2))
    _ = try await session.apply(
      StatementBatch(
        parts: [
          dialect.requiring(lease),
          .execute(
            SQLStatement(
              "DELETE FROM \(OwnTables.slot) WHERE name = \(first) AND beat = \(second)",
              [.text(slot.replica.text), .integer(slot.beat)])),
        ], holdBudget: Bounds.journalHoldBudget))
  }

  /// Makes the tables of lease, slots and journal where they are missing.
  package func makeTables() async throws(StepFailure) {
    guard !hasTables else { return }
    var backoff = LockBackoff(deadline: Self.makingMax)
    // Looked at first: a definition waits for a backup's locks, also where nothing is missing.
    while try await !areThere() {
      do throws(StepFailure) {
        try await create()
      } catch {
        var failure = error
        // Of several that make one table at once some are told of a lock, or of a name in use.
        if failure.code == "ConstraintViolated" { failure.disposition = .retry }
        try await backoff.pause(after: failure, overdue: { failure, _ in failure })
      }
    }
    hasTables = true
  }

  private func areThere() async throws(StepFailure) -> Bool {
    let tables = [OwnTables.lease, OwnTables.slot, OwnTables.journal]
    let rows = try await session.rows(
      SQLStatement(
        """
        SELECT COUNT(*) AS found FROM information_schema.tables
        WHERE table_schema = \(dialect.ownSchema)
          AND table_name IN (\(tables.map { "'\($0)'" }.joined(separator: ", ")))
        """), limit: 1)
    return rows.first?["found"] == .integer(Int64(tables.count))
  }

  private func create() async throws(StepFailure) {
    switch dialect {
    case .postgres:
      _ = try await session.apply(StatementBatch(parts: dialect.creation.map { .script($0) }))
    // Each commits by itself, and is no part of a batch.
    case .mysql:
      for statement in dialect.creation {
        _ = try await session.rows(SQLStatement(statement), limit: 1)
      }
    }
  }

  private func changes(_ statement: SQLStatement) async throws(StepFailure) -> Int64 {
    try await session.apply(
      StatementBatch(parts: [.execute(statement)], holdBudget: Bounds.journalHoldBudget)
    ).rowsChanged
  }

  static func unreadable(_ table: String) -> StepFailure {
    StepFailure(
      code: "CoordinationUnreadable", disposition: .stop,
      message: "the table \(table) of the service's database does not hold what sidecars write: "
        + "let all of them be of one version")
  }
}

extension Lease {
  /// Reads the row of the lease.
  fileprivate init(_ row: SQLRow) throws(StepFailure) {
    guard let holder = row["holder"].coordinationText, case .integer(let term) = row["term"],
      case .integer(let beat) = row["beat"]
    else { throw DatabaseCoordination.unreadable(OwnTables.lease) }
    self.init(holder: holder, term: term, beat: beat)
  }
}

extension Slot {
  /// Reads the row of a slot.
  fileprivate init(_ row: SQLRow) throws(StepFailure) {
    guard let name = row["name"].coordinationText, case .integer(let beat) = row["beat"],
      let orders = row["orders"].coordinationText, let report = row["report"].coordinationText
    else { throw DatabaseCoordination.unreadable(OwnTables.slot) }
    self.init(replica: ReplicaID(name), beat: beat, orders: orders, report: report)
  }
}

extension SQLValue {
  /// Text, whichever way the engine hands it over.
  var coordinationText: String? {
    switch self {
    case .text(let text): text
    case .blob(let bytes): String(decoding: bytes, as: UTF8.self)
    case .null, .integer, .real: nil
    }
  }
}
