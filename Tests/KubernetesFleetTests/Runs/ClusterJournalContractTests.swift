import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation

@testable import KubernetesFleet

/// The contract of a journal, in the objects of a cluster.
struct ClusterJournalContractTests {
  @Test(arguments: RunJournalContract.clauses)
  func `the journal keeps its contract`(clause: RunJournalContract.Clause) async throws {
    try await clause.check(ClusterJournalSubject(world: try await RunWorld(["beacon", "lantern"])))
  }
}

/// A journal in a cluster, opened anew by each daemon.
struct ClusterJournalSubject: RunJournalSubject {
  let world: RunWorld

  func open() async throws -> any RunJournal { try world.journal() }

  func breakDisk() async throws {
    await world.plan(
      ClusterFault(.refuse(status: 500, retryAfterSeconds: nil), verbs: ["patch", "create"]))
  }
}
