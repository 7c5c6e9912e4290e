import WindlassCore

/// A run that was opened by a wish that can't be followed, such as one whose claim does not exist:
/// it goes by that wish for ever, and a better one would never be looked at.
///
/// As long as it has changed nothing it is given up for the better one, as a person would do it:
/// turned back, and its release let be tried again.
enum StuckRun {
  private static let who = "windlass"
  /// Where a run has changed nothing, and nothing that it began may yet change something.
  private static let harmless: Set<RunPhase> = [
    .prepare, .preflight, .backUp, .verify, .prove, .approve,
  ]
  private static let reason =
    "the wish was changed, and the run could not begin by the one that it was opened with"

  /// What is to be decided about a service whose object may say something else by now.
  ///
  /// - Parameter isWishNew: Whether it says something else than what the service is driven by.
  static func decisions(_ state: ServiceState, isWishNew: Bool) -> [Decision] {
    let record = state.record
    let left = record.quarantine.filter { $0.reason.message == "\(who): \(reason)" }
      .filter { $0.version != record.run?.plan.target.version }
    guard left.isEmpty else { return left.map { decision(.release($0.version)) } }
    guard isWishNew, let run = record.run, harmless.contains(run.phase), !run.hasBegun,
      stands(run, record)
    else { return [] }
    return [decision(.rollback), decision(.release(run.plan.target.version))]
  }

  private static func decision(_ choice: Decision.Choice) -> Decision {
    Decision(choice: choice, by: who, reason: reason)
  }

  private static func stands(_ run: Run, _ record: ServiceRecord) -> Bool {
    guard record.inFlight == nil, record.unresolved == nil, record.pending.isEmpty,
      !record.isPaused
    else { return false }
    return run.block != nil || record.retry?.failure.disposition == .wait
  }
}

extension Run {
  /// Whether it has changed something, or is on its way back.
  var hasBegun: Bool {
    orderedAt != nil || begun != nil || !applied.isEmpty || direction != .forward
  }
}
