import WindlassCore

/// A run that has ended, as it is counted.
struct RunEnd: Hashable, Sendable {
  var ending: Ending
  /// From its opening to its end; nil when it was opened and ended between two looks.
  var duration: Interval?

  /// The runs of a record that have ended since an earlier one.
  static func news(_ record: ServiceRecord, after old: ServiceRecord) -> [RunEnd] {
    let known = Set(old.pastRuns.map(\.run))
    return record.pastRuns.filter { !known.contains($0.run) }.map { ended in
      let open = old.run.flatMap { $0.plan.run == ended.run ? $0 : nil }
      return RunEnd(
        ending: ended.ending, duration: open.map { max(.zero, ended.endedAt - $0.openedAt) })
    }
  }
}
