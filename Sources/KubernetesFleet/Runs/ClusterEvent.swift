package import WindlassCore
import WindlassWire

/// Something that people read in `kubectl get events` and `kubectl describe`.
package struct ClusterEvent: Hashable, Sendable {
  /// Whether it is as it should be.
  package enum Grade: String, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  package var grade: Grade
  /// Why, as a CamelCase word that is always the same for the same cause.
  package var reason: String
  /// What was done, as a CamelCase word.
  package var action: String
  /// For people.
  package var note: String

  package init(_ grade: Grade, reason: String, action: String, note: String) {
    self.grade = grade
    self.reason = StatusText.reason(reason)
    self.action = StatusText.reason(action)
    self.note = note
  }

  /// What is worth telling of a state that follows another one.
  package static func news(
    _ record: ServiceRecord, after old: ServiceRecord
  ) -> [ClusterEvent] {
    var events: [ClusterEvent] = []
    if let run = record.run, run.plan.run != old.run?.plan.run {
      let source = run.plan.source.map { "\($0.version)" } ?? "nothing"
      events.append(
        ClusterEvent(
          .normal, reason: "RunOpened", action: "Open",
          note: "\(run.plan.run) goes from \(source) to \(run.plan.target.version)"))
    } else if let run = record.run, run.phase != old.run?.phase {
      events.append(
        ClusterEvent(
          run.phase == .rollBack ? .warning : .normal,
          reason: "Entered\(StatusText.word(run.phase.rawValue))", action: "Upgrade",
          note: "\(run.plan.run) is in phase \(run.phase.rawValue)"))
    }
    let block = record.run?.block ?? record.block
    if let block, block.code != (old.run?.block ?? old.block)?.code {
      events.append(
        ClusterEvent(.warning, reason: block.code, action: "Wait", note: block.message))
    }
    if let failure = record.waitsFor, failure.code != old.waitsFor?.code {
      events.append(
        ClusterEvent(
          .warning, reason: failure.code, action: "TryAgain", note: failure.message))
    }
    if let ended = record.pastRuns.last, ended.run != old.pastRuns.last?.run {
      let reason = ended.reason.map { ": \($0.message)" } ?? ""
      events.append(
        ClusterEvent(
          ended.ending == .completed ? .normal : .warning, reason: "Run\(ended.ending.rawValue)",
          action: "End", note: "\(ended.run) ended as \(ended.ending.rawValue)\(reason)"))
    }
    for entry in record.quarantine
    where !old.quarantine.contains(where: { $0.version == entry.version }) {
      events.append(
        ClusterEvent(
          .warning, reason: "Quarantined", action: "Quarantine",
          note: "\(entry.version) is not tried again: \(entry.reason.message)"))
    }
    return events
  }

  /// What became of a person's decision.
  package static func answer(_ answer: DecisionStatus) -> ClusterEvent {
    let by = "\(answer.choice) by \(answer.by)"
    switch answer.outcome {
    case .taken:
      return ClusterEvent(.normal, reason: "DecisionTaken", action: "Decide", note: by)
    case .refused:
      return ClusterEvent(
        .warning, reason: "DecisionRefused", action: "Decide", note: "\(by): \(answer.message)")
    }
  }
}

extension ServiceRecord {
  /// What an effect failed for and is tried again until somebody has mended it; nil where nothing
  /// did, and for what passes by itself.
  fileprivate var waitsFor: StepFailure? {
    guard let failure = retry?.failure, failure.disposition == .wait else { return nil }
    return failure
  }
}
