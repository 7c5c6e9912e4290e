import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation

/// A contract that nothing fails proves nothing: each clause must catch a subject that breaks it.
struct ContractStrengthTests {
  @Test(arguments: ServiceDatabaseContract.clauses)
  func `each clause on databases catches one that strays`(
    clause: ServiceDatabaseContract.Clause
  ) async throws {
    let stray = try #require(StrayDatabase.Way.breaking(clause.sentence))
    await expectCaught(stray) { try await clause.check(StrayDatabase.subject(stray)) }
  }

  @Test(arguments: BackupStoreContract.clauses)
  func `each clause on backups catches a store that strays`(
    clause: BackupStoreContract.Clause
  ) async throws {
    let stray = try #require(StrayBackups.Way.breaking(clause.sentence))
    await expectCaught(stray) {
      try await clause.check(SimulatedBackupSubject { StrayBackups($0, stray) })
    }
  }

  @Test(arguments: FleetContract.clauses)
  func `each clause on fleets catches one that strays`(
    clause: FleetContract.Clause
  ) async throws {
    let stray = try #require(StrayFleet.Way.breaking(clause.sentence))
    await expectCaught(stray) {
      try await clause.check(SimulatedFleetSubject { StrayFleet($0, stray) })
    }
  }

  @Test(arguments: RunJournalContract.clauses)
  func `each clause on journals catches one that strays`(
    clause: RunJournalContract.Clause
  ) async throws {
    let stray = try #require(StrayJournal.Way.breaking(clause.sentence))
    await expectCaught(stray) {
      try await clause.check(SimulatedJournalSubject { StrayJournal($0, stray) })
    }
  }

  @Test(arguments: CoordinationContract.clauses)
  func `each clause on what sidecars share catches what strays`(
    clause: CoordinationContract.Clause
  ) async throws {
    let stray = try #require(StrayCoordination.Way.breaking(clause.sentence))
    await expectCaught(stray) {
      try await clause.check(SimulatedCoordinationSubject(stray: stray))
    }
  }

  @Test(arguments: ArtifactStoreContract.clauses)
  func `each clause on artifacts catches a store that strays`(
    clause: ArtifactStoreContract.Clause
  ) async throws {
    let stray = try #require(StrayArtifacts.Way.breaking(clause.sentence))
    await expectCaught(stray) {
      try await clause.check(SimulatedArtifactSubject { StrayArtifacts(service: $0, way: stray) })
    }
  }

  @Test(arguments: HTTPTransportContract.clauses)
  func `each clause on transports catches one that strays`(
    clause: HTTPTransportContract.Clause
  ) async throws {
    let stray = try #require(StrayTransport.Way.breaking(clause.sentence))
    await expectCaught(stray) {
      try await clause.check(SimulatedTransportSubject { StrayTransport(network: $0, way: stray) })
    }
  }

  /// Fails when the body records no issue.
  private func expectCaught(
    _ stray: some Sendable, _ body: () async throws -> Void
  ) async {
    await withKnownIssue("a subject that \(stray)") { try await body() }
  }
}

/// A way to break a contract, and the beginnings of the sentences that it breaks.
protocol WayToStray: CaseIterable, Sendable {
  var breaks: [String] { get }
}

extension WayToStray {
  /// The way that breaks the clause; nil when there is none.
  static func breaking(_ sentence: String) -> Self? {
    allCases.first { $0.breaks.contains { sentence.hasPrefix($0) } }
  }
}
