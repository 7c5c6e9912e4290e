/// The rules of safety that the core obeys, each a switch, so that tests can show that the
/// simulation notices when one is missing.
///
/// Outside this package, and in a release build, only `whole` exists.
public struct Rules: Hashable, Sendable {
  /// A daemon takes a new epoch before its first guarded effect (F1).
  package private(set) var fencesTakeover = true
  /// Orders carry the fence's number as a precondition (F1).
  package private(set) var fencesMigrations = true
  /// An outcome that was lost is read back before anything else (J3).
  package private(set) var readsBackLostOutcomes = true
  /// Readings begun before the last effect ended decide nothing (K1).
  package private(set) var refusesStaleReadings = true
  /// No instance starts unless the ledger is clean and inside its window (R1).
  package private(set) var gatesStarts = true
  /// Nothing is expanded before a backup (D1).
  package private(set) var backsUpBeforeExpand = true
  /// Nothing is contracted before a fresh backup (D1).
  package private(set) var backsUpBeforeContract = true
  /// A backup counts only when it was restored and compared (D1).
  package private(set) var verifiesBackups = true
  /// Nothing is expanded before the proof (R2).
  package private(set) var provesBeforeExpand = true
  /// A verdict that shows nothing counts as unsafe (R2).
  package private(set) var distrustsUnknownVerdicts = true
  /// Nothing is contracted before the commit point (R3).
  package private(set) var contractsAfterCommit = true
  /// Nothing is contracted while an instance that can't bear it may be alive (R3).
  package private(set) var contractsAfterOldInstances = true
  /// An instance that was not seen to be dead counts as alive (R3).
  package private(set) var countsDoubtAsAlive = true
  /// An instance is good only after uninterrupted readiness (R5).
  package private(set) var waitsForStability = true
  /// An instance is good only when it reports its release's version (R5).
  package private(set) var checksReportedVersion = true
  /// The canary must be good before the next wave starts (R5).
  package private(set) var rollsCanaryFirst = true
  /// No instance is stopped below the floor of ready ones (R4).
  package private(set) var keepsCapacity = true
  /// No instance is started above the ceiling (R4).
  package private(set) var boundsSurge = true
  /// What somebody else changed about a workload is not written over (K4).
  package private(set) var yieldsToPeople = true
  /// An order takes effect only on the state of the workload that it was decided on (K2); obeyed
  /// by the authority.
  package private(set) var guardsOrders = true
  /// A run that turned back never turns forward again (J2).
  package private(set) var keepsDirection = true
  /// After the commit point there is only forward (R8).
  package private(set) var staysForwardAfterCommit = true
  /// A release that failed here is not tried again (T4).
  package private(set) var quarantinesFailures = true
  /// A withdrawn release goes no further (T4).
  package private(set) var heedsYanks = true
  /// A run follows the plan that it was opened with (T5).
  package private(set) var pinsPlans = true
  /// Migrations run in the order of their versions (D2, D3).
  package private(set) var appliesInOrder = true
  /// A run whose backfill changed rows never ends as if nothing had been changed (D3).
  package private(set) var remembersBackfills = true
  /// An intent is durable before its effect (J1); obeyed by the shell.
  package private(set) var journalsIntents = true

  /// Every rule.
  public static let whole = Rules()

  private init() {}
}

#if DEBUG
  extension Rules {
    /// The name of one rule.
    package enum Name: String, CaseIterable, Sendable {
      case fencesTakeover
      case fencesMigrations
      case readsBackLostOutcomes
      case refusesStaleReadings
      case gatesStarts
      case backsUpBeforeExpand
      case backsUpBeforeContract
      case verifiesBackups
      case provesBeforeExpand
      case distrustsUnknownVerdicts
      case contractsAfterCommit
      case contractsAfterOldInstances
      case countsDoubtAsAlive
      case waitsForStability
      case checksReportedVersion
      case rollsCanaryFirst
      case keepsCapacity
      case boundsSurge
      case yieldsToPeople
      case guardsOrders
      case keepsDirection
      case staysForwardAfterCommit
      case quarantinesFailures
      case heedsYanks
      case pinsPlans
      case appliesInOrder
      case remembersBackfills
      case journalsIntents
    }

    /// The rules without one of them.
    package func without(_ name: Name) -> Rules {
      var rules = self
      switch name {
      case .fencesTakeover: rules.fencesTakeover = false
      case .fencesMigrations: rules.fencesMigrations = false
      case .readsBackLostOutcomes: rules.readsBackLostOutcomes = false
      case .refusesStaleReadings: rules.refusesStaleReadings = false
      case .gatesStarts: rules.gatesStarts = false
      case .backsUpBeforeExpand: rules.backsUpBeforeExpand = false
      case .backsUpBeforeContract: rules.backsUpBeforeContract = false
      case .verifiesBackups: rules.verifiesBackups = false
      case .provesBeforeExpand: rules.provesBeforeExpand = false
      case .distrustsUnknownVerdicts: rules.distrustsUnknownVerdicts = false
      case .contractsAfterCommit: rules.contractsAfterCommit = false
      case .contractsAfterOldInstances: rules.contractsAfterOldInstances = false
      case .countsDoubtAsAlive: rules.countsDoubtAsAlive = false
      case .waitsForStability: rules.waitsForStability = false
      case .checksReportedVersion: rules.checksReportedVersion = false
      case .rollsCanaryFirst: rules.rollsCanaryFirst = false
      case .keepsCapacity: rules.keepsCapacity = false
      case .boundsSurge: rules.boundsSurge = false
      case .yieldsToPeople: rules.yieldsToPeople = false
      case .guardsOrders: rules.guardsOrders = false
      case .keepsDirection: rules.keepsDirection = false
      case .staysForwardAfterCommit: rules.staysForwardAfterCommit = false
      case .quarantinesFailures: rules.quarantinesFailures = false
      case .heedsYanks: rules.heedsYanks = false
      case .pinsPlans: rules.pinsPlans = false
      case .appliesInOrder: rules.appliesInOrder = false
      case .remembersBackfills: rules.remembersBackfills = false
      case .journalsIntents: rules.journalsIntents = false
      }
      return rules
    }
  }
#endif
