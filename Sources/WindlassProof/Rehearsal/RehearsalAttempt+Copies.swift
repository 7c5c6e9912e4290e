import WindlassCore
import WindlassSchema

extension RehearsalAttempt {
  /// Does one step under the deadline, and records how long it took.
  ///
  /// - Throws: `.settled` when the time is up, `.failed` when the step or the task's cancellation
  ///   hinders the rehearsal.
  func step<Value: Codable & Sendable>(
    _ title: String, isRemembered: Bool = true, _ body: () async throws(StepFailure) -> Value
  ) async throws(RehearsalEnd) -> Value {
    try checkTime(before: title)
    let start = runner.clock.elapsed()
    do {
      if isRemembered, let past = try memory?.recall(title, as: Value.self) {
        record.report.steps.append(RehearsalStep(title: title, duration: past.duration))
        return past.value
      }
      let value = try await body()
      let duration = runner.clock.elapsed(since: start)
      if isRemembered { memory?.note(title, value, duration) }
      record.report.steps.append(RehearsalStep(title: title, duration: duration))
      return value
    } catch {
      record.report.steps.append(
        RehearsalStep(
          title: title, outcome: error.blamesRelease ? .failed : .unknown,
          duration: runner.clock.elapsed(since: start), details: [Excerpt.plain(error.description)])
      )
      throw .failed(error)
    }
  }

  /// Ends the rehearsal when it was cancelled or has taken too long.
  func checkTime(before title: String) throws(RehearsalEnd) {
    guard !Task.isCancelled else { throw .failed(.cancelled) }
    guard runner.clock.elapsed() < deadline else {
      guard !isOverdue else { throw .settled }
      isOverdue = true
      record.unknown.append(
        "the rehearsal took longer than \(runner.configuration.deadline) and stopped before: "
          + title)
      throw .settled
    }
  }

  /// Restores the backup into a new copy.
  func restore(_ purpose: String) async throws(RehearsalEnd) -> ScratchCopy {
    let label = "\(plan.run)-\(purpose)"
    let copy = try await step("restore \(backup) into the \(purpose) copy") {
      () async throws(StepFailure) in
      CopyNote(try await runner.scratch.restore(backup, label: label))
    }
    leftovers.copies.append(copy.copy)
    return copy.copy
  }

  /// Removes the copy; what fails is tried again at the end.
  func discard(_ copy: ScratchCopy) async {
    let title = "remove \(copy.label)"
    do {
      if try memory?.recall(title, as: Bool.self) == nil {
        try await runner.scratch.discard(copy)
        memory?.note(title, true, .zero)
      }
      leftovers.copies.removeAll { $0 == copy }
    } catch {
      // It stays among the leftovers, whose removal reports what remains.
    }
  }

  /// Reads the copy's catalogue.
  func readCatalogue(
    of copy: ScratchCopy, _ moment: String
  ) async throws(RehearsalEnd) -> Catalogue {
    try await step("read the catalogue \(moment)") { () async throws(StepFailure) in
      try await runner.scratch.catalogue(of: copy)
    }
  }

  /// Applies the migrations in order, watches how long each holds its lock, and reads the catalogue
  /// that they leave.
  ///
  /// - Throws: `.settled` after recording the release as unsafe when a migration fails by its own
  ///   fault.
  func migrate(
    _ migrations: [Migration], on copy: ScratchCopy
  ) async throws(RehearsalEnd) -> Catalogue {
    for migration in migrations {
      do throws(RehearsalEnd) {
        try await apply(migration, to: copy)
      } catch {
        guard case .failed(let failure) = error, failure.blamesRelease else { throw error }
        record.unsafe.append(
          "migration \(migration.version) of \(plan.target.version) fails on a copy of this "
            + "database: \(Excerpt.plain(failure.message))")
        throw .settled
      }
    }
    let phase = migrations.first?.phase == .contract ? "contract" : "expand"
    return try await readCatalogue(of: copy, "after the \(phase) migrations")
  }

  private func apply(_ migration: Migration, to copy: ScratchCopy) async throws(RehearsalEnd) {
    guard let archive = plan.target.migrationArchive else {
      throw .failed(
        StepFailure(
          code: "PlanWithoutMigrations", disposition: .stop,
          message: "\(plan.target.version) lists migration \(migration.version), but no archive "
            + "that holds it; publish the release again with its migrations"))
    }
    let title = "apply migration \(migration.version) (\(migration.phase.rawValue))"
    let observation = try await step(title) { () async throws(StepFailure) in
      try await runner.scratch.migrate(copy, migration, from: archive)
    }
    record.report.migrations.append(observation)
    record.holdForecast = max(record.holdForecast, observation.held)
    if let backfill = observation.backfill {
      record.notes.append(
        "backfill \(Excerpt.plain(observation.file, limit: 200)) changed"
          + " \(backfill.progress?.rowsChanged ?? 0) row(s) of a copy in \(backfill.worked), and"
          + " will take about \(backfill.expected) beside the service")
    }
    let budget = runner.configuration.holdBudget
    guard observation.held > budget else { return }
    record.unsafe.append(
      "migration \(Excerpt.plain(observation.file, limit: 200)) holds the lock that stops others "
        + "for \(observation.held) on a copy of this database, longer than the \(budget) allowed; "
        + "split it, or move its rows in batches")
  }
}
