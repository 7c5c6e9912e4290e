package import WindlassCore

/// One simulated service: its world, its daemon, and a judge.
///
/// Synchronous and deterministic: everything follows from the scenario. The loop of the daemon
/// mirrors the contract of the real one: step, make the record durable if it changed, carry the
/// effect out, report; after a crash the record comes from the journal and everything else is
/// looked at anew.
package final class Simulation {
  let scenario: Scenario
  let rules: Rules
  var dice: FaultDice
  var now = Scenario.dawn

  // The world
  var database: SimulatedDatabase
  var fleet = SimulatedFleet()
  /// What keeps the instances, where Windlass does not.
  var workload: SimulatedWorkload?
  var backups = SimulatedBackups()
  /// Publications and incidents that are still to come, the next one last.
  var future: [Coming] = []
  var published: Offer?
  /// Releases that may rightly be quarantined, whatever they really are.
  var blameable: Set<Version> = []
  var unseenDeaths: [Version: Int] = [:]
  /// What the ledger said before somebody meddled with it.
  var mended: SchemaVersion?

  // The daemon
  var journal: ServiceRecord
  var state: ServiceState
  /// What it is told at its next step.
  var inbox = Observation()
  /// When it is started again; nil while it runs.
  var downUntil: Timestamp?
  var daemonBegan = Scenario.dawn
  var earlierReading: WorkloadReading?
  var latestReading: WorkloadReading?
  /// Whether its journal was ever lost.
  var isForgetful = false
  var steps = 0
  /// Records written and effects issued, to see whether it is at rest.
  var writes = 0

  // The judge
  var oracle: Oracle
  /// Found by looking at the whole rather than at events.
  var findings: [Finding] = []
  package private(set) var trace: [String] = []
  private let keepsTrace: Bool
  package var tally = Tally()
  /// The place at which the daemon dies, for enumeration; and how many were passed.
  var crashAt: Int?
  package internal(set) var crashPoints = 0

  /// A publication or an incident that is still to come.
  enum Coming {
    case publication(Publication)
    case incident(Incident)
    /// Whoever changed or paused the workload takes that back.
    case takingBack(Timestamp, isPause: Bool)
    case machineBack(Timestamp, Int)

    var at: Timestamp {
      switch self {
      case .publication(let publication): publication.at
      case .incident(let incident): incident.at
      case .takingBack(let at, _), .machineBack(let at, _): at
      }
    }
  }

  /// Prepares a scenario's world.
  ///
  /// - Parameters:
  ///   - sparing: Faults and incidents that are left out, to find out which ones matter.
  ///   - crashAt: The one point at which the daemon dies, counted from one.
  package init(
    _ scenario: Scenario, rules: Rules = .whole, sparing: Omissions = Omissions(),
    keepsTrace: Bool = false, crashAt: Int? = nil
  ) {
    self.scenario = scenario
    self.rules = rules
    self.keepsTrace = keepsTrace
    self.crashAt = crashAt
    dice = FaultDice(seed: scenario.seed, sparing: sparing.faults)
    database = SimulatedDatabase(version: scenario.schema)
    database.checksFence = rules.fencesMigrations
    journal = ServiceRecord(policy: scenario.policy)
    state = ServiceState(record: journal)
    oracle = Oracle(rollout: scenario.policy.rollout, schema: scenario.schema)
    let incidents = scenario.incidents.enumerated()
      .filter { !sparing.incidents.contains($0.offset) }.map { Coming.incident($0.element) }
    future = (scenario.publications.map { Coming.publication($0) } + incidents)
      .sorted { $0.at > $1.at }
    begin()
  }

  // MARK: Telling

  /// Writes a line of the trace, if one is kept.
  func tell(_ line: @autoclosure () -> String) {
    guard keepsTrace else { return }
    trace.append("\((now - Scenario.dawn).milliseconds) \(line())")
  }

  /// Gives the judge a fact.
  func note(_ fact: Fact) {
    let before = oracle.violations.count
    oracle.fold(HistoryEvent(at: now, fact))
    guard keepsTrace, oracle.violations.count > before else { return }
    for violation in oracle.violations[before...] { tell("VIOLATION \(violation)") }
  }

  /// Whether something was found that must not be.
  var hasFailed: Bool { !oracle.violations.isEmpty || !findings.isEmpty }

  // MARK: Life

  /// Lives through the scenario: first with faults, then without, until the service is where it
  /// should be.
  package func run() -> Summary {
    while now < scenario.faultsUntil, !hasFailed, steps < Simulation.stepsMax { turn() }
    if !hasFailed { converge() }
    return summary()
  }

  /// Steps that one simulation may take.
  static let stepsMax = 40_000

  private func summary() -> Summary {
    Summary(
      violations: oracle.violations.map { Finding(code: $0.invariant.rawValue, text: $0.message) }
        + findings,
      struck: dice.struck, steps: steps, tally: tally, record: state.record, world: world(),
      trace: trace)
  }
}

/// Faults and incidents of a scenario that are left out.
package struct Omissions: Sendable {
  package var faults: Set<Int> = []
  package var incidents: Set<Int> = []

  package init(faults: Set<Int> = [], incidents: Set<Int> = []) {
    self.faults = faults
    self.incidents = incidents
  }
}

/// Something that must not be.
package struct Finding: Hashable, Sendable, CustomStringConvertible {
  /// The invariant, or a word for what was found at the end.
  package var code: String
  package var text: String

  package var description: String { "\(code): \(text)" }
}

/// How often each effect really took place.
package struct Tally: Hashable, Sendable {
  package var migrations: [SchemaVersion] = []
  package var starts = 0
  package var stops = 0
  package var backups = 0
  package var commits = 0
  package var runs = 0

  package init() {}
}

extension Simulation {
  /// How a simulated service ended.
  package struct Summary: Sendable {
    package var violations: [Finding]
    package var struck: [StruckFault]
    package var steps: Int
    package var tally: Tally
    package var record: ServiceRecord
    package var world: World
    package var trace: [String]
  }
}
