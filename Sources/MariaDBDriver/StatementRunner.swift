import Glibc
import WindlassCore
import WindlassSchema

/// Runs one statement of a migration within the budgets for locks.
struct StatementRunner {
  let connection: MySQLConnection
  let options: MySQLServiceOptions
  /// Told how long statements kept others out; nil where nobody wants to know.
  var hold: HoldClock?

  /// One way to ask for a change of a table.
  private struct Variant {
    /// What is put behind the statement.
    var suffix: String
    /// Whether readers and writers go on meanwhile.
    var isOnline: Bool
    /// Whether it takes a moment, whatever the table holds.
    var isInstant = false
  }

  /// Runs the statement.
  ///
  /// A change of a table asks for the cheapest way that the server admits: it says at once which
  /// ways it does not, so that it never copies a table silently.
  ///
  /// - Parameters:
  ///   - holdsLocks: whether the transaction holds rows of the service already.
  ///   - tried: the first attempt, which was made already, and how it failed just now.
  /// - Returns: since when it may have kept others out.
  /// - Throws: `.retry` with `DatabaseLocked` when a lock was not had within the budget, and
  ///   `HoldBudgetExceeded` when a lock that blocks others was held too long.
  @discardableResult
  func run(
    _ statement: MySQLStatement, holdsLocks: Bool = false,
    tried: (attempt: FirstAttempt, failure: StepFailure)? = nil
  ) throws(StepFailure) -> StatementHold {
    let variants = variants(of: statement)
    for (index, variant) in variants.enumerated() {
      do throws(StepFailure) {
        return try attempt(
          statement.text + variant.suffix, isOnline: variant.isOnline,
          standsAlone: [.definition, .truncation].contains(statement.kind), holdsLocks: holdsLocks,
          gate: variant.isInstant ? gate(of: statement) : nil, tried: index == 0 ? tried : nil)
      } catch {
        let isLast = index == variants.count - 1
        guard !isLast, Self.refusals.contains(connection.errorNumber) else {
          guard error.code == "DatabaseLocked", !connection.isLost else { throw error }
          let holders = MySQLBlockers.holders(of: tables(of: statement), on: connection)
          throw MySQLBlockers.blocked(error, by: holders, on: connection)
        }
      }
    }
    return StatementHold(possible: .now, known: .now)
  }

  /// The first attempt at a statement, for a request that holds more.
  struct FirstAttempt {
    let text: String
    let watch: StatementWatch
    /// Whether readers and writers go on meanwhile.
    let isOnline: Bool
  }

  /// What the first attempt at a statement is; nil where it can't travel with others, because the
  /// text could hide a second statement, or it has to be watched while it waits for a lock.
  func firstAttempt(_ statement: MySQLStatement) throws(StepFailure) -> FirstAttempt? {
    guard connection.server.isMariaDB, [.definition, .truncation].contains(statement.kind),
      !statement.text.utf8.contains(UInt8(ascii: ";")),
      let variant = variants(of: statement).first
    else { return nil }
    let limit = limit(isOnline: variant.isOnline)
    try connection.limitStatements(to: limit * 2)
    return FirstAttempt(
      text: statement.text + variant.suffix, watch: StatementWatch(limit: limit),
      isOnline: variant.isOnline)
  }

  /// Takes note of what a first attempt that succeeded has kept others out for.
  func note(_ attempt: FirstAttempt) {
    if !attempt.isOnline { hold?.note(since: attempt.watch.hold.possible) }
  }

  private func limit(isOnline: Bool) -> Interval {
    isOnline ? Bounds.onlineStatementDeadline : options.holdBudget
  }

  /// The errors by which a server refuses a way before it has done anything: the way itself, its
  /// place in this statement, too many versions of rows.
  private static let refusals: Set<UInt32> = [1064, 1221, 1235, 1845, 1846, 4092]

  private func variants(of statement: MySQLStatement) -> [Variant] {
    let tokens = statement.tokens
    let plain = [Variant(suffix: "", isOnline: !holdsLock(statement))]
    guard statement.kind == .definition,
      !tokens.contains(where: { $0.isKeyword("ALGORITHM") || $0.isKeyword("LOCK") })
    else { return plain }
    let isIndex = !tokens[0].isKeyword("ALTER")
    let separator = isIndex ? " " : ", "
    guard isIndex ? isIndexStatement(tokens) : isTableChange(tokens) else { return plain }
    let online =
      connection.server.isMariaDB
      ? [("INSTANT", ""), ("NOCOPY", "NONE"), ("INPLACE", "NONE")]
      : [("INSTANT", ""), ("INPLACE", "NONE")]
    let blocking = [("INPLACE", "SHARED"), ("COPY", "SHARED")]
    let suffix = { (algorithm: String, lock: String) in
      "\(separator)ALGORITHM=\(algorithm)" + (lock.isEmpty ? "" : "\(separator)LOCK=\(lock)")
    }
    // No server makes an index at once.
    return online.dropFirst(isIndex ? 1 : 0).map {
      Variant(suffix: suffix($0, $1), isOnline: true, isInstant: $0 == "INSTANT")
    }
      + blocking.map { Variant(suffix: suffix($0, $1), isOnline: false) } + plain
  }

  private func isTableChange(_ tokens: [SQLToken]) -> Bool {
    tokens.dropFirst().prefix(3).contains { $0.isKeyword("TABLE") }
  }

  private func isIndexStatement(_ tokens: [SQLToken]) -> Bool {
    tokens[0].isKeyword("CREATE") || tokens[0].isKeyword("DROP")
      ? tokens.dropFirst().prefix(4).contains { $0.isKeyword("INDEX") } : false
  }

  /// Whether the statement, sent as it is, keeps others out for as long as it runs.
  private func holdsLock(_ statement: MySQLStatement) -> Bool {
    switch statement.kind {
    // Whatever algorithm it names itself.
    case .definition: statement.tokens[0].isKeyword("ALTER") || isIndexStatement(statement.tokens)
    case .data, .call: true
    // Dropping and emptying can't be ended half-way; what only reads keeps nobody out.
    case .truncation, .query, .setting: false
    }
  }

  private func attempt(
    _ text: String, isOnline: Bool, standsAlone: Bool, holdsLocks: Bool, gate: MySQLTableGate?,
    tried: (attempt: FirstAttempt, failure: StepFailure)?
  ) throws(StepFailure) -> StatementHold {
    let limit = limit(isOnline: isOnline)
    // MariaDB does not wait for a table at all, but for a row it waits a second.
    let waits = !connection.server.isMariaDB || !standsAlone
    let watch =
      tried?.attempt.watch
      ?? StatementWatch(
        limit: limit, lockLimit: waits ? options.lockBudget : nil, holdsLocks: holdsLocks)
    try connection.limitStatements(to: limit * 2)
    // Behind a gate an attempt costs less, so that the first ones are few.
    let patience = options.lockBudget.milliseconds / (gate == nil ? 1 : 4)
    let deadline = ContinuousClock.now + .milliseconds(patience)
    var past = tried?.failure
    while true {
      do throws(StepFailure) {
        if let failure = past {
          past = nil
          throw failure
        }
        try connection.run(text, within: limit, watch: watch)
        let held = watch.hold
        if !isOnline { hold?.note(since: held.possible) }
        return held
      } catch {
        // In a transaction a deadlock has taken back what came before, so all of it begins again.
        if standsAlone, waitsForGap(error, until: deadline) { continue }
        if let gate, error.code == "DatabaseLocked", !Task.isCancelled {
          let began = try gate.run(
            text, lockBudget: options.lockBudget, holdBudget: options.holdBudget)
          return StatementHold(possible: began, known: began)
        }
        throw explained(error, watch, limit)
      }
    }
  }

  /// Lets a moment pass and returns true, when a lock was not free on a server that was told not to
  /// wait for it, and the budget is not used up. Such an attempt stops nobody, and a busy table is
  /// free for moments only, which attempts with long pauses between them do not meet.
  private func waitsForGap(
    _ failure: StepFailure, until deadline: ContinuousClock.Instant
  ) -> Bool {
    guard connection.server.isMariaDB, failure.code == "DatabaseLocked",
      ContinuousClock.now < deadline, !Task.isCancelled
    else { return false }
    usleep(1_000)
    return true
  }

  private func explained(
    _ failure: StepFailure, _ watch: StatementWatch, _ limit: Interval
  ) -> StepFailure {
    switch (failure.code, watch.reason) {
    case ("Interrupted", .waitedForLock):
      return .lockNotFree(within: options.lockBudget, connection.address.name)
    // Without a reason of ours it was ended by the server's own, longer limit.
    case ("Interrupted", .unseen),
      ("Interrupted", nil) where !watch.isKnownToHold:
      return .notWatched(for: limit, connection.address.name)
    case ("Interrupted", .overdue), ("Interrupted", nil):
      return StepFailure(
        code: "HoldBudgetExceeded", disposition: .stop,
        message: "A statement on \(connection.address.name) kept others out for more than \(limit)"
          + " and was ended; the server took it back. Split it into smaller ones, or raise"
          + " `database.holdBudget`.")
    default: return failure
    }
  }

  /// Waits without queueing: while somebody holds the table for long, nothing is sent and nothing
  /// written. Whoever uses it for a moment is no reason, since on a busy table there is always
  /// somebody.
  ///
  /// - Throws: `DatabaseLocked` with `.retry`, naming who holds it.
  func refuseHolders(of statement: MySQLStatement) throws(StepFailure) {
    let tables = tables(of: statement)
    guard !tables.isEmpty else { return }
    // Nobody was there a moment ago.
    if connection.foreseen(MySQLObject.named(in: statement)) != nil { return }
    let before = MySQLBlockers.lasting(on: tables, connection)
    guard !before.isEmpty else { return }
    let pause = max(options.lockBudget.milliseconds, MySQLBlockers.listAge.milliseconds)
    usleep(UInt32(clamping: pause * 1_000))
    let lasting = before.intersection(MySQLBlockers.lasting(on: tables, connection))
    guard !lasting.isEmpty else { return }
    // Where the server does not tell which tables a transaction uses, the table itself does.
    if let gate = gate(of: statement), try gate.isFree(within: options.lockBudget) { return }
    throw MySQLBlockers.blocked(
      StepFailure(
        code: "DatabaseLocked", disposition: .retry,
        message: "Another session uses \(tables.joined(separator: ", ")) in"
          + " \(connection.address.name)."),
      by: Set(lasting.map(\.session)).sorted(), on: connection)
  }

  /// The lock of the only table that a change of one needs; nil for any other statement, and where
  /// attempts are not made without waiting.
  private func gate(of statement: MySQLStatement) -> MySQLTableGate? {
    let tables = tables(of: statement)
    guard connection.server.isMariaDB, tables.count == 1, isTableChange(statement.tokens),
      statement.tokens[0].isKeyword("ALTER"), !statement.text.utf8.contains(UInt8(ascii: ";")),
      !tables[0].utf8.contains(UInt8(ascii: ";"))
    else { return nil }
    return MySQLTableGate(connection: connection, table: tables[0])
  }

  /// The tables whose locks a definition or a truncation needs.
  private func tables(of statement: MySQLStatement) -> [String] {
    guard [.definition, .truncation].contains(statement.kind) else { return [] }
    let tables = MySQLObject.named(in: statement).filter { $0.kind == .table }.map(\.name)
    // A foreign key takes a lock on the table that it points at, too; MariaDB does without.
    return connection.server.isMariaDB ? tables : tables + MySQLObject.referenced(in: statement)
  }
}
