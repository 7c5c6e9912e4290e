package import WindlassCore

/// How large a backfill's batches are, and how long it rests between them.
package struct BackfillPace: Hashable, Sendable {
  /// How long a batch is to take.
  package var target: Interval
  /// The share of the time that it works, in percent.
  package var share: Int

  /// Makes a pace whose batches stay well below the hold budget; nil where nobody waits.
  package init(holdBudget: Interval?, share: Int = Bounds.backfillShareDefault) {
    let half = holdBudget.map { Interval(milliseconds: max(1, $0.milliseconds / 2)) }
    target = min(Bounds.backfillBatchTarget, half ?? Bounds.backfillBatchTarget)
    self.share = min(100, max(1, share))
  }

  /// The size of the next batch, after one of that size took that long: what fits into the target,
  /// but at most twice and at least a quarter of it, so that one odd batch does not swing the rest.
  package func size(after size: Int, took: Interval) -> Int {
    let size = min(max(size, 1), Bounds.backfillBatchMax)
    let fitting = Int64(size) * target.milliseconds / max(1, took.milliseconds)
    let bounded = min(Int64(size) * 2, max(Int64(size) / 4, fitting))
    return Int(min(max(bounded, 1), Int64(Bounds.backfillBatchMax)))
  }

  /// How long to rest after a batch that took that long.
  package func rest(after took: Interval) -> Interval {
    let rest = took.milliseconds * Int64(100 - share) / Int64(share)
    return min(Interval(milliseconds: rest), Bounds.backfillRestMax)
  }
}
