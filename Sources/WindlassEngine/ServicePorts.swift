package import WindlassCore

/// What keeps the instances of a service.
package enum ServiceFleet: Sendable {
  /// Windlass itself, one by one.
  case instances(any Fleet)
  /// A controller, which Windlass tells how far it may go.
  case workload(any WorkloadFleet)
}

/// The outside of one service.
package struct ServicePorts: Sendable {
  package var database: any ServiceDatabase
  package var backups: any BackupStore
  package var rehearsal: any Rehearsal
  package var fleet: ServiceFleet
  /// What is reserved before a run changes anything; nil where instances bring their own sockets.
  package var listeners: (any PublicListeners)?
  package var artifacts: any ArtifactStore
  /// Backups kept besides those of open runs.
  package var backupsKept: Int

  package init(
    database: any ServiceDatabase, backups: any BackupStore, rehearsal: any Rehearsal,
    fleet: ServiceFleet, listeners: (any PublicListeners)? = nil, artifacts: any ArtifactStore,
    backupsKept: Int
  ) {
    self.database = database
    self.backups = backups
    self.rehearsal = rehearsal
    self.fleet = fleet
    self.listeners = listeners
    self.artifacts = artifacts
    self.backupsKept = backupsKept
  }
}
