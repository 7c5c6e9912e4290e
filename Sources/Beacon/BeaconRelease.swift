/// One release of Beacon; a single executable holds them all and becomes one when it starts.
struct BeaconRelease: Equatable, Sendable {
  /// Where a release keeps how many of a flag's entities see it.
  enum RolloutStorage: Sendable {
    /// In the column `flags.rollout_percent`, as release 1.0 does.
    case column
    /// In the table `rollouts`, as every release from 1.1 on does.
    case table
  }

  /// What is wrong with a release.
  enum Fault: Sendable {
    case none
    /// Turns unhealthy after a while of real traffic, finishes what it accepted, and exits.
    case failing
    /// Aborts after a while of real traffic, with requests in flight.
    case aborting
  }

  /// The name as given, which `/version` reports.
  let name: String
  /// The lowest ledger version that this release starts on.
  let schemaMinimum: Int64
  let storage: RolloutStorage
  /// Whether each change of a flag is recorded in `audit_entries`.
  let keepsAudit: Bool
  let fault: Fault

  /// Reads a release's name, which may carry a suffix after `-` or `+`; nil for one that this
  /// executable does not hold. The suffix `abort` chooses the fault of that name.
  init?(name: String) {
    let mark = name.firstIndex { $0 == "-" || $0 == "+" } ?? name.endIndex
    let suffix = name[mark...].dropFirst()
    self.name = name
    switch name[..<mark] {
    case "1.0.0":
      (schemaMinimum, storage, keepsAudit) = (2, .column, false)
      fault = suffix == "abort" ? .aborting : .none
    case "1.1.0":
      (schemaMinimum, storage, keepsAudit) = (4, .table, false)
      fault = suffix == "abort" ? .aborting : .none
    case "1.1.1":
      (schemaMinimum, storage, keepsAudit) = (4, .table, false)
      fault = suffix == "abort" ? .aborting : .failing
    case "1.2.0":
      (schemaMinimum, storage, keepsAudit) = (6, .table, true)
      fault = suffix == "abort" ? .aborting : .none
    default:
      return nil
    }
  }
}
