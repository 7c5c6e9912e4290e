import WindlassWire

/// One attempt to do one hop: what was pinned when it began.
package struct UpgradeRunSpec: DocumentPart, Hashable {
  package var service = ""
  package var from = ""
  package var to = ""
  package var plan = ""
  package var planDigest = ""
  package var approvedBy = ""

  package init() {}

  private static let pinned = FieldLimit.rule(
    SchemaRule("self == oldSelf", "is pinned when the run begins and never changes"))

  package static var fields: [DocumentField<UpgradeRunSpec>] {
    [
      DocumentField(
        "service", \.service, "The ManagedService that is upgraded.", .length(1...253),
        .pattern(Patterns.dottedName), pinned),
      DocumentField(
        "from", \.from, "The version that was deployed; empty for an installation.",
        .length(0...256), pinned),
      DocumentField("to", \.to, "The version of the target.", .length(1...256), pinned),
      DocumentField(
        "plan", \.plan, "The plan as JSON; nothing that is fetched later changes it.",
        .length(2...262_144), pinned),
      DocumentField(
        "planDigest", \.planDigest, "SHA-256 of the plan's bytes.", .length(71...71),
        .pattern(Patterns.digest), pinned),
      DocumentField(
        "approvedBy", \.approvedBy,
        "Who let the run go on, by his own word; the only field that changes, and only once.",
        default: "", .length(0...256),
        .rule(SchemaRule("oldSelf == '' || self == oldSelf", "is given once and then stays"))),
    ]
  }
}

/// What a run has come to: its journal.
package struct UpgradeRunStatus: DocumentPart, Hashable {
  /// How a run ends.
  package enum Outcome: String, DocumentChoice {
    case completed = "Completed"
    case rolledBack = "RolledBack"
    case refused = "Refused"
  }

  package var observedGeneration: Int64?
  package var conditions: [ConditionStatus]?
  package var step: String?
  package var outcome: Outcome?
  package var epoch: Int64?
  package var journal: JournalStatus?

  package init() {}

  package static var fields: [DocumentField<UpgradeRunStatus>] {
    [
      DocumentField(
        "observedGeneration", \.observedGeneration, "The generation that the rest speaks of."),
      DocumentField(
        "conditions", \.conditions, "Progressing, Blocked, Approved.", .count(0...32),
        .keyed(["type"])),
      DocumentField("step", \.step, "What the run does now.", .length(0...63)),
      DocumentField("outcome", \.outcome, "How it ended; absent while it has not."),
      DocumentField("epoch", \.epoch, "The fence's number that its steps carry."),
      DocumentField("journal", \.journal, "What was written down, for the daemon's restart."),
    ]
  }
}
