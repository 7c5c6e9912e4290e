import WindlassCore

/// What a rehearsal has found so far, and the verdict that follows from it.
struct RehearsalRecord {
  var report: RehearsalReport
  /// Why the release is unsafe, most telling first.
  var unsafe: [String] = []
  /// Why nothing can be said.
  var unknown: [String] = []
  /// What passed, in order.
  var passed: [String] = []
  /// What else a person may want to know.
  var notes: [String] = []
  var checks = 0
  /// Whether the old server passed on what the new one wrote.
  var hasShownRollback = false
  var holdForecast = Interval.zero

  init(plan: Plan, backup: BackupID) { report = RehearsalReport(plan: plan, backup: backup) }

  /// The judgement of everything found: unsafe beats unknown, and without a single check nothing
  /// was shown.
  var verdict: Verdict {
    var evidence = unsafe + unknown
    let judgement: Judgement
    if !unsafe.isEmpty {
      judgement = .unsafe
    } else if !unknown.isEmpty {
      judgement = .unknown
    } else if checks == 0 {
      judgement = .unknown
      evidence.append("no check was carried out, so nothing was shown")
    } else {
      judgement = .safe
    }
    return Verdict(
      judgement: judgement, checks: checks,
      coversRollback: judgement == .safe && hasShownRollback,
      evidence: Self.bounded(evidence + passed + notes), holdForecast: holdForecast)
  }

  private static func bounded(_ evidence: [String]) -> [String] {
    guard evidence.count > Bounds.evidenceLinesMax else { return evidence }
    let kept = evidence.prefix(Bounds.evidenceLinesMax - 1)
    return kept + ["\(evidence.count - kept.count) more findings are in the report"]
  }
}
