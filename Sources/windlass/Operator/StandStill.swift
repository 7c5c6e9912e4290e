import KubernetesFleet
import WindlassCore

/// Whether a run waits for somebody, and it is known what became of all that was begun.
enum StandStill {
  static func isReached(_ state: ServiceState) -> Bool {
    guard state.record.inFlight == nil, state.record.unresolved == nil else { return false }
    guard let run = state.record.run else { return true }
    let waitsForApproval =
      run.phase == .approve && state.record.policy.needsApproval
      && state.record.approved != run.plan.target.version
    return run.block != nil || state.record.isPaused || waitsForApproval || run.awaitsOwner
  }

  /// Where a run stands.
  struct Place: Hashable, Sendable {
    var run: RunID
    /// What is tried once more, if something is.
    var effect: EffectID?
    var attempts: Int
    var block: String?
  }

  /// Where a run stands for something that another wish may mend: not for its turn, and not for its
  /// approval. Nil for one that goes on, or has changed something.
  static func forAnotherWish(_ state: ServiceState) -> Place? {
    let record = state.record
    guard let run = record.run, run.phase.isBeforeExpansion, !run.hasBegun,
      record.unresolved == nil
    else { return nil }
    let retry = record.retry.flatMap { $0.failure.disposition == .wait ? $0 : nil }
    let unreadable = state.watch.unreadable
    let isBlind = unreadable?.disposition == .wait && unreadable?.code != RunTurns.waiting
    if let action = record.inFlight?.action.name, action != retry?.action { return nil }
    guard run.block != nil || retry != nil || isBlind else { return nil }
    return Place(
      run: run.plan.run, effect: record.inFlight?.id, attempts: retry?.attempts ?? 0,
      block: run.block?.code)
  }
}
