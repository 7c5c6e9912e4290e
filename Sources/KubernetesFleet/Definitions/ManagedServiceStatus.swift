import WindlassWire

/// What is known of a service: a summary that may be lost, and the journal between runs, whose loss
/// is noticed.
package struct ManagedServiceStatus: DocumentPart, Hashable {
  package var observedGeneration: Int64?
  package var conditions: [ConditionStatus]?
  package var deployedVersion: String?
  package var targetVersion: String?
  package var schemaVersion: Int64?
  package var run: String?
  package var quarantined: [QuarantineStatus]?
  package var decisions: [DecisionStatus]?
  package var journal: JournalStatus?

  package init() {}

  package static var fields: [DocumentField<ManagedServiceStatus>] {
    [
      DocumentField(
        "observedGeneration", \.observedGeneration, "The generation that the rest speaks of."),
      DocumentField(
        "conditions", \.conditions,
        "Ready, Progressing, ManifestFetched, ManifestFresh, SchemaClean, Degraded.",
        .count(0...32), .keyed(["type"])),
      DocumentField(
        "deployedVersion", \.deployedVersion, "The version that all instances report."),
      DocumentField("targetVersion", \.targetVersion, "The version that is wished for."),
      DocumentField("schemaVersion", \.schemaVersion, "What the ledger says."),
      DocumentField("run", \.run, "The UpgradeRun that is under way, or was the last."),
      DocumentField(
        "quarantined", \.quarantined, "Releases that failed here and are not tried again.",
        .count(0...100), .keyed(["version"])),
      DocumentField(
        "decisions", \.decisions, "What became of people's last decisions.", .count(0...100),
        .keyed(["id"])),
      DocumentField(
        "journal", \.journal, "What was written down between runs, for the daemon's restart."),
    ]
  }
}

/// A release that is not tried again.
package struct QuarantineStatus: DocumentPart, Hashable {
  package var version = ""
  package var digest: String?
  package var reason = ""

  package init() {}

  package static var fields: [DocumentField<QuarantineStatus>] {
    [
      DocumentField("version", \.version, "The release's version.", .length(1...256)),
      DocumentField("digest", \.digest, "The artifact's digest.", .length(0...128)),
      DocumentField("reason", \.reason, "A CamelCase word.", .length(1...1_024)),
    ]
  }
}

/// One condition, by the conventions of Kubernetes.
package struct ConditionStatus: DocumentPart, Hashable {
  /// Whether it holds.
  package enum Truth: String, DocumentChoice {
    case yes = "True"
    case no = "False"
    case unknown = "Unknown"
  }

  package var type = ""
  package var status = Truth.unknown
  package var observedGeneration: Int64?
  package var lastTransitionTime = ""
  package var reason = ""
  package var message = ""

  package init() {}

  package static var fields: [DocumentField<ConditionStatus>] {
    [
      DocumentField(
        "type", \.type, "A CamelCase word.", .length(1...316), .pattern("^[A-Z][A-Za-z0-9]*$")),
      DocumentField("status", \.status, "Whether it holds."),
      DocumentField(
        "observedGeneration", \.observedGeneration, "The generation that it speaks of.",
        .range(0...Int64.max)),
      DocumentField(
        "lastTransitionTime", \.lastTransitionTime, "When the status changed last.",
        .format("date-time")),
      DocumentField(
        "reason", \.reason, "Why, as a CamelCase word.", .length(1...1_024),
        .pattern("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")),
      DocumentField("message", \.message, "For people.", .length(0...32_768)),
    ]
  }
}
