/// What must be true before a contract migration starts (invariant R3).
struct ContractGate {
  /// What the ledger will say after it.
  var schema: SchemaVersion
  /// Whether the run's commit point is recorded.
  var isCommitted: Bool

  /// Whether the migration may start beside these instances.
  func admits(_ instances: [InstanceRecord]) -> Bool {
    isCommitted && obstacle(among: instances) == nil
  }

  /// An instance that may be alive and could not work with the schema.
  func obstacle(among instances: [InstanceRecord]) -> InstanceRecord? {
    instances.first { $0.mayBeAlive && !$0.window.contains(schema) }
  }
}
