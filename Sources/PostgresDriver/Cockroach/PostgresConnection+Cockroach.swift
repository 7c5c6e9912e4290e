import WindlassCore
import WindlassSchema

extension PostgresConnection {
  /// The oldest server that Windlass works on.
  private static let oldestCockroach = [23, 1]

  /// Brings a session on CockroachDB to known settings, and reads them back.
  func configureCockroach(_ options: PostgresOptions) throws(StepFailure) {
    let version = try scalar("SELECT version()").text ?? ""
    if let failure = otherEngine(version) { throw failure }
    try checkCockroach(version)
    let session = try sessionID()
    var wanted = [
      ("lock_timeout", "\(options.lockTimeout.milliseconds)"),
      ("statement_timeout", "\(options.statementTimeout.milliseconds)"),
      ("idle_in_transaction_session_timeout", "\(options.idleTimeout.milliseconds)"),
      // Or a DELETE without a condition and a dropped column would be refused.
      ("sql_safe_updates", "off"),
      // Or a definition would silently commit what was written before it.
      ("autocommit_before_ddl", "off"),
    ]
    // The server has those of its version.
    let known = try settings(among: wanted.map(\.0)).keys
    wanted = wanted.filter { known.contains($0.0) }
    try run(script: wanted.map { "SET \($0.0) = \($0.1)" }.joined(separator: "; "))
    let kept = try settings(among: wanted.map(\.0))
    // In a round trip of its own: behind a pooler this one may reach another session.
    guard try sessionID() == session else { throw pooled() }
    for (name, value) in wanted where kept[name] != value {
      throw StepFailure(
        code: "SettingRefused", disposition: .stop,
        message: "\(place) did not keep \(name) = \(value), without which a migration could stall"
          + " the service. Connect to the server itself, not through a pooler.")
    }
  }

  /// Such as 25 and 2, from `CockroachDB CCL v25.2.3 (…)`.
  private static func release(_ version: String) -> [Int] {
    let number = version.split(separator: " ").first { $0.hasPrefix("v") }?.dropFirst() ?? ""
    return number.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
  }

  private func checkCockroach(_ version: String) throws(StepFailure) {
    let parts = Self.release(version)
    guard parts.count == 2, !parts.lexicographicallyPrecedes(Self.oldestCockroach) else {
      throw StepFailure(
        code: "ServerTooOld", disposition: .stop,
        message: "\(place) runs \(version.prefix(60)), and Windlass needs CockroachDB 23.1 or"
          + " newer.")
    }
  }

  private func settings(among names: [String]) throws(StepFailure) -> [String: String] {
    let list = names.map { "'\($0)'" }.joined(separator: ", ")
    let rows = try rows(
      "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN (\(list))")
    return Dictionary(
      rows.map { ($0.values[0].text ?? "", $0.values[1].text ?? "") },
      uniquingKeysWith: { first, _ in first })
  }

  /// The number by which the cluster knows this session.
  func sessionID() throws(StepFailure) -> String {
    guard let id = try scalar("SHOW session_id").text, !id.isEmpty else { throw pooled() }
    return id
  }

  /// Reads which cluster and database this is.
  func identifyCockroach(_ options: PostgresOptions) throws(StepFailure) -> ServerIdentity {
    let row = try rows(
      "SELECT current_database(), current_schema(), crdb_internal.cluster_id()::text, version()",
      limit: 1
    ).first
    guard let row else { throw pooled() }
    guard let database = row.values[0].text, try exists(database) else {
      throw StepFailure(
        code: "DatabaseMissing", disposition: .stop,
        message: "\(place) does not exist. Check the database URL, or make the database with"
          + " `CREATE DATABASE`.")
    }
    let identity = ServerIdentity(
      system: row.values[2].text ?? "", database: database, schema: row.values[1].text,
      release: Self.release(row.values[3].text ?? ""))
    try require(identity, options)
    return identity
  }

  /// CockroachDB lets a session into a database that does not exist.
  private func exists(_ database: String) throws(StepFailure) -> Bool {
    try scalar(
      "SELECT count(*) FROM pg_catalog.pg_database WHERE datname = $1", [.text(database)])
      == .integer(1)
  }

  /// The server's clock, in milliseconds.
  func serverClock() throws(StepFailure) -> Timestamp {
    let text = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8"
    return Timestamp(milliseconds: try scalar(text).integer ?? 0)
  }
}

extension PostgresConnection {
  /// How often a transaction is begun again on the same session before its caller waits.
  private static let restartsMax = 5

  /// Makes one attempt at a transaction as CockroachDB wants it: when it has to give way to another
  /// (40001), it goes back to its beginning and does everything again, keeping its place in the
  /// queue.
  ///
  /// - Parameter body: is repeated; it changes nothing but the database.
  func restartableTransaction<Result>(
    _ limits: PostgresLimits, _ body: (PostgresConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> (result: Result, held: Interval) {
    let began = ContinuousClock.now
    let usual = patience
    deadline = limits.holdBudget.map { began + .milliseconds($0.milliseconds) }
    if limits.holdBudget == nil { patience = Bounds.concurrentIndexDeadline }
    defer {
      deadline = nil
      patience = usual
    }
    do throws(StepFailure) {
      try run(script: "BEGIN ISOLATION LEVEL SERIALIZABLE; SAVEPOINT cockroach_restart")
      let result = try restarting(limits, body)
      try release(.committing)
      return (result, (ContinuousClock.now - began).interval)
    } catch {
      let isOver = deadline.map { ContinuousClock.now > $0 } ?? false
      rollBack()
      let isCut = error.code == "Interrupted" || error.code == "ConnectionLost"
      if isCut, isOver, !Task.isCancelled { throw holdBudgetExceeded(limits) }
      throw error
    }
  }

  private func restarting<Result>(
    _ limits: PostgresLimits, _ body: (PostgresConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    var restartsLeft = Self.restartsMax
    while true {
      do throws(StepFailure) {
        // They go with what is rolled back to the savepoint.
        try run(script: limits.settings(knowsTransactionTimeout: false))
        let result = try body(self)
        try checkStillInTransaction()
        if let deadline, ContinuousClock.now > deadline { throw holdBudgetExceeded(limits) }
        try release(.savepoint)
        return result
      } catch {
        guard error.code == "DatabaseBusy", restartsLeft > 0, isAlive, isInTransaction else {
          throw error
        }
        restartsLeft -= 1
        try run(script: "ROLLBACK TO SAVEPOINT cockroach_restart")
      }
    }
  }

  private enum Release: String {
    /// The transaction is committed by this.
    case savepoint = "RELEASE SAVEPOINT cockroach_restart"
    case committing = "COMMIT"
  }

  private func release(_ step: Release) throws(StepFailure) {
    let limit = deadline
    // A deadline or a cancelled task no longer helps anybody.
    deadline = nil
    defer { deadline = limit }
    do throws(StepFailure) {
      try run(script: step.rawValue)
    } catch {
      guard !isAlive || error.code == "OutcomeUnknown" else { throw error }
      throw StepFailure(
        code: "OutcomeUnknown", disposition: .stop,
        message: "It is not known whether a transaction on \(place) was committed"
          + " (\(error.message)) Look at `windlass schema` before anything else.")
    }
  }
}
