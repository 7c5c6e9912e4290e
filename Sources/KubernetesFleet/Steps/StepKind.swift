package import WindlassCore

/// What one Job does; the first word behind `windlass step`.
package enum StepKind: String, Codable, Sendable, CaseIterable {
  /// Fetches and verifies archives.
  case prepare
  /// Sets the fence to its next number.
  case fence
  /// Reads ledger, fence and history.
  case inspect
  /// Checks what would stop the plan's migrations.
  case preflight
  case backUp = "back-up"
  /// Restores a backup and compares.
  case verify
  /// Reads a backup's receipt after checking its file.
  case checkBackup = "check-backup"
  /// Rehearses the plan on a backup.
  case prove
  /// Puts a release's server to its probes on a scratch copy, beside it in its pod.
  case visit
  /// Waits until a pod can reach nothing that it must not; the init container of a visit.
  case isolate
  case expand, backfill, contract
  /// Records the commit point.
  case commit
  /// Asks a wave's pods for version and probes.
  case probe
  /// Deletes old backups, and what a rehearsal left that was given up.
  case prune
  /// Says whether a number is still the fence's; the init container of the service's own command.
  case checkFence = "check-fence"
  /// The service's own migrate command, which is no command of Windlass.
  case command

  /// Whose URL of the database the step gets; nil when it gets none.
  package var role: StepRole? {
    switch self {
    case .fence, .preflight, .expand, .backfill, .contract, .commit, .checkFence, .command:
      .migrate
    case .inspect: .probe
    case .backUp, .verify, .checkBackup, .prove, .prune: .backup
    case .prepare, .probe, .visit, .isolate: nil
    }
  }

  /// Whether the step gets the URL of the server for scratch databases.
  package var usesScratch: Bool {
    switch self {
    case .verify, .prove, .visit, .prune: true
    case .prepare, .fence, .inspect, .preflight, .backUp, .checkBackup, .isolate, .expand,
      .backfill, .contract, .commit, .probe, .checkFence, .command:
      false
    }
  }

  /// Whether the step gets the URLs of the replicas that backfills wait for.
  package var asksReplicas: Bool { self == .preflight || self == .backfill }

  /// Whether the claim of backups and evidence is mounted: by what writes and reads backups, and by
  /// what runs files of an archive, which lies beside them.
  package var mountsClaim: Bool {
    switch self {
    case .prepare, .backUp, .verify, .checkBackup, .prove, .expand, .backfill, .contract, .prune:
      true
    case .fence, .inspect, .preflight, .commit, .probe, .checkFence, .command, .visit, .isolate:
      false
    }
  }

  /// Whether only what it says at this moment counts, so that no earlier attempt will do.
  package var isReading: Bool {
    switch self {
    case .inspect, .preflight, .checkBackup, .probe, .checkFence: true
    case .prepare, .fence, .backUp, .verify, .prove, .expand, .backfill, .contract, .commit,
      .prune, .command, .visit, .isolate:
      false
    }
  }

  /// Whether it changes what another attempt would begin with, so that there is none.
  package var isOnce: Bool { self == .visit }

  /// Whether an attempt that succeeded while nobody looked need not be made again: the same order
  /// once more would find it done.
  package var lasts: Bool {
    switch self {
    case .backUp, .verify, .prove, .visit, .expand, .backfill, .contract, .commit: true
    case .prepare, .fence, .inspect, .preflight, .checkBackup, .probe, .prune, .checkFence,
      .command, .isolate:
      false
    }
  }

  /// The time that the Job may take from its creation, the pulling of its image included.
  package var deadline: Interval {
    switch self {
    case .fence, .inspect, .preflight, .checkBackup, .commit, .probe, .prune, .checkFence,
      .isolate:
      StepBounds.shortDeadline
    case .prepare: StepBounds.start + Bounds.archiveTimeout * 2
    case .backUp, .verify: StepBounds.start + Bounds.backupDeadline
    // The rehearsal's own deadline is looked at between its steps.
    case .prove: StepBounds.start + Bounds.rehearsalDeadline + Bounds.backupDeadline
    case .visit: StepBounds.start + StepBounds.visit
    case .backfill:
      StepBounds.start + Bounds.lockDeadline + Bounds.backfillPressureMax
        + StepBounds.backfillSlice
    case .expand, .contract, .command:
      StepBounds.start + Bounds.lockDeadline + Bounds.concurrentIndexDeadline
    }
  }
}

/// Whose rights a step has in the database (`database.roles`).
package enum StepRole: String, Codable, Sendable, CaseIterable {
  /// Reads everything.
  case backup
  /// Changes the schema.
  case migrate
  /// Reads the catalogue and the ledger.
  case probe
}
