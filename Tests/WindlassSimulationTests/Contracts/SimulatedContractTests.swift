import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation

/// What the simulation proves rests on ports that keep the contracts of the real ones.
struct SimulatedContractTests {
  @Test(arguments: ServiceDatabaseContract.clauses)
  func `the simulated database keeps its contract`(
    clause: ServiceDatabaseContract.Clause
  ) async throws {
    try await clause.check(SimulatedDatabaseSubject())
  }

  @Test(arguments: BackupStoreContract.clauses)
  func `the simulated backups keep their contract`(
    clause: BackupStoreContract.Clause
  ) async throws {
    try await clause.check(SimulatedBackupSubject())
  }

  @Test(arguments: FleetContract.clauses)
  func `the simulated fleet keeps its contract`(clause: FleetContract.Clause) async throws {
    try await clause.check(SimulatedFleetSubject())
  }

  @Test(arguments: RunJournalContract.clauses)
  func `the simulated journal keeps its contract`(
    clause: RunJournalContract.Clause
  ) async throws {
    try await clause.check(SimulatedJournalSubject())
  }

  @Test(arguments: CoordinationContract.clauses)
  func `what simulated sidecars share keeps its contract`(
    clause: CoordinationContract.Clause
  ) async throws {
    try await clause.check(SimulatedCoordinationSubject())
  }

  @Test(arguments: RunClockContract.clauses)
  func `the simulated clock keeps its contract`(clause: RunClockContract.Clause) async throws {
    try await clause.check(SimulatedClockSubject())
  }

  @Test(arguments: ArtifactStoreContract.clauses)
  func `the simulated artifacts keep their contract`(
    clause: ArtifactStoreContract.Clause
  ) async throws {
    try await clause.check(SimulatedArtifactSubject())
  }

  @Test(arguments: HTTPTransportContract.clauses)
  func `the simulated network keeps the contract of a transport`(
    clause: HTTPTransportContract.Clause
  ) async throws {
    try await clause.check(SimulatedTransportSubject())
  }
}
