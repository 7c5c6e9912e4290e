import Glibc
import WindlassCore
import WindlassSchema
import WindlassWire

/// What `windlass migrate` was asked for, and how it is done.
struct MigrateOrder: Hashable, Sendable {
  var database: DatabaseReference
  var ledgerTable: String?
  var path: String
  var to: UInt64?
  var phase = MigrationPhase.backfill
  var limits = LockLimits()
  /// The replicas that backfills wait for.
  var replicas: [DatabaseReference] = []
  var foreignKeys = false
  var create = false
  var dryRun = false

  /// Does the work and says how the program ends; an error is written out.
  ///
  /// - Parameter executor: where the engine works; nil for a thread of its own.
  func run(_ output: Output, on executor: BlockingExecutor? = nil) async -> ExitStatus {
    do {
      return try await perform(output, on: executor)
    } catch {
      let failure = CommandFailure(error)
      output.failure(failure)
      return failure.status
    }
  }

  /// Does the work and says how the program ends.
  ///
  /// - Parameter executor: where the engine works; nil for a thread of its own.
  func perform(
    _ output: Output, on executor: BlockingExecutor? = nil
  ) async throws -> ExitStatus {
    let clock = SystemClock(floor: nil)
    let migrator = try DatabaseTarget(database.resolve(), ledgerTable: ledgerTable)
      .limited(by: limits).enforcing(foreignKeys: foreignKeys)
      .watching(replicas.map { try $0.resolve(option: "--replica") }, from: "--replica")
      .migrator(on: executor, now: clock.now)
    let request = MigrateRequest(
      directory: path, target: to.map { SchemaVersion($0) }, phase: phase,
      run: RunID("migrate-\(clock.now().compactText)-\(getpid())"), createsDatabase: create)
    if dryRun {
      let forecast = try await migrator.forecast(request)
      report(forecast, applied: [], output)
      return forecast.pending.isEmpty && !isShort(forecast) ? .done : .pending
    }
    let meter = BackfillMeter(output)
    let outcome = try await migrator.migrate(request) { told in
      switch told {
      case .applied(let entry):
        output.progress(.good("applied"), " \(entry.file) (\(entry.phase), \(entry.duration))")
      case .backfill(let progress): meter.show(progress)
      }
    }
    report(outcome.forecast, applied: outcome.applied, output)
    return isShort(outcome.forecast) ? .pending : .done
  }

  /// Whether a named version is not reached because a phase was not asked for.
  private func isShort(_ forecast: MigrateForecast) -> Bool {
    to != nil && !forecast.waiting.isEmpty
  }

  private func report(
    _ forecast: MigrateForecast, applied: [HistoryEntry], _ output: Output
  ) {
    output.object([
      "from": forecast.from.map { .integer($0.json) } ?? .null,
      "to": forecast.to.map { .integer($0.json) } ?? .null,
      "dryRun": .bool(dryRun),
      "applied": .array(applied.map(\.json)),
      "pending": .array(dryRun ? forecast.pending.map(\.json) : []),
      "waiting": .array(forecast.waiting.map(\.json)),
    ])
    if dryRun {
      for pending in forecast.pending {
        output.line("would apply \(pending.file) (\(pending.phase.rawValue)\(pending.extent))")
      }
    }
    let before = forecast.from?.description ?? "nothing applied"
    let after = forecast.to?.description ?? "nothing applied"
    if forecast.pending.isEmpty {
      output.line("Nothing to apply; the schema is at \(after).")
    } else {
      output.line(
        "\(dryRun ? "The schema would go" : "The schema went") from \(before) to \(after).")
    }
    if let first = forecast.waiting.first {
      output.line(
        .warning("waiting"),
        """
         \(forecast.waiting.count) file(s) from \(first.file) on, which is \
        \(first.phase.rawValue): add --phase \(first.phase.rawValue) when no server needs the old \
        schema any more.
        """)
    }
  }
}

extension PendingMigration {
  fileprivate var json: JSONValue {
    [
      "version": .integer(version.json), "file": .string(file), "phase": .string(phase.rawValue),
      "backfill": backfill.map { backfill in
        [
          "table": .string(backfill.table), "key": .string(backfill.key),
          "batch": .integer(Int64(backfill.batch)),
          "rowsEstimated": rowsEstimated.map { .integer($0) } ?? .null,
        ]
      } ?? .null,
    ]
  }

  /// What a backfill walks, behind its phase; empty for any other migration.
  fileprivate var extent: String {
    guard let backfill else { return "" }
    let rows = rowsEstimated.map { "about \($0) rows of " } ?? ""
    return ": \(rows)\(backfill.table) in batches by \(backfill.key)"
  }
}

extension HistoryEntry {
  /// The line of the history for machines.
  var json: JSONValue {
    [
      "version": .integer(version.json), "file": .string(file), "phase": .string(phase),
      "checksum": .string(checksum.text), "run": .string(run.text),
      "milliseconds": .integer(duration.milliseconds), "appliedAt": .string(appliedAt.rfc3339),
    ]
  }
}
