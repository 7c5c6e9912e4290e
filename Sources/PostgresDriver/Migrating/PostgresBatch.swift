import WindlassCore
import WindlassSchema

/// Migrations that one attempt applies, all or none.
struct PostgresBatch {
  /// Ascending; more than one only where nobody waits for any table.
  var steps: [MigrationStep]

  /// Puts neighbours together, as far as they run in transactions and the server has room for the
  /// locks of their tables.
  static func joining(_ batches: [PostgresBatch]) -> [PostgresBatch] {
    var joined: [PostgresBatch] = []
    var room = 0
    for batch in batches {
      // A text that can't be read is refused by its own attempt.
      let script = batch.steps.first.flatMap { try? PostgresScript($0.body.text) }
      let size = script?.atomicText == nil ? Int.max : max(1, script?.statements.count ?? 1)
      if size <= room {
        joined[joined.count - 1].steps += batch.steps
        room -= size
      } else {
        joined.append(batch)
        room = size == Int.max ? 0 : max(0, Bounds.freshStatementsMax - size)
      }
    }
    return joined
  }

  /// Makes one attempt, without recording the schema.
  ///
  /// - Parameter isComplete: whether the tables of Windlass and the ledger are known to exist; set
  ///   when they are.
  /// - Returns: the lines of the history.
  func attempt(
    on connection: PostgresConnection, place: LedgerPlace, options: PostgresServiceOptions,
    isComplete: inout Bool
  ) throws(StepFailure) -> [HistoryEntry] {
    var migrations: [PostgresMigration] = []
    for step in steps {
      migrations.append(try PostgresMigration(step, place: place, options: options))
    }
    guard migrations.count > 1 else {
      guard
        let entry = try migrations.first?.attemptInSeries(on: connection, isComplete: &isComplete)
      else { return [] }
      return [entry]
    }
    do throws(StepFailure) {
      let (outcome, entries, _) = try PostgresMigration.applyAtOnce(
        migrations, on: connection,
        limits: PostgresLimits(lockBudget: options.lockBudget, holdBudget: nil),
        isComplete: &isComplete)
      if outcome == .applied { return entries }
    } catch {
      var failure = error
      failure.repeatIfOutcomeIsUnknown()
      // Too much for one transaction of this server, and not for one of each.
      if failure.code == "DatabaseBusy" { failure.disposition = .stop }
      throw failure
    }
    let versions = Set(steps.map(\.body.version))
    return try PostgresOwnSchema(connection, place).history().filter {
      versions.contains($0.version)
    }
  }
}
