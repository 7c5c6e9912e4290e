/// Why something stands still, and what a person can do.
public struct Block: Hashable, Codable, Sendable, CustomStringConvertible {
  /// A stable CamelCase word.
  public var code: String
  public var message: String

  public init(code: String, message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code): \(message)" }

  /// Whether nothing stands in the way but an instance of another release.
  var isLeftOver: Bool { code == "InstanceInDoubt" }
}

extension Block {
  /// The codes of the blocks of a run that are found anew at every look.
  static let passingInRun: Set<String> = [
    "ContractPending", "InstanceInDoubt", "OldFleetUnhealthy", "WorkloadEdited", "WorkloadPaused",
    "NoProgress", "NothingRuns",
  ]

  /// The codes of the blocks at rest that are found anew at every look.
  static let passingAtRest: Set<String> = [
    "TablesWithoutLedger", "NotAdopted", "DirtyLedger", "SchemaOutsideWindow", "StartGateClosed",
    "ContractInTheWay", "WindowMismatch", "UnknownSurplus", "LateMigration", "NoPath",
    "InstanceInDoubt", "WorkloadEdited", "WorkloadPaused", "NoImageDigest", "WouldStopServing",
  ]

  /// The codes of the blocks that hold a run back because its release was withdrawn.
  static let withdrawing: Set<String> = ["Yanked", "Quarantined"]

  /// The codes of the blocks of a run beside which its releases may still be started.
  static let bearable: Set<String> = ["NoProgress", "NothingRuns", "InstanceInDoubt"]

  /// The codes of reasons that blame a release: it failed here and is quarantined.
  public static let blaming: Set<String> = [
    "ProofUnsafe", "AnalysisFailed", "InstanceCrashed", "NeverReady", "BecameUnhealthy",
    "WrongVersion", "OldFleetFailed", "TakenBackByOwner",
  ]
}
