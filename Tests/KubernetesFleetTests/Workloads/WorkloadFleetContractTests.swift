import Testing
import WindlassContracts
import WindlassCore

@testable import KubernetesFleet

/// The three kinds of workloads under the contract of their port, and subjects that stray from it.
struct WorkloadFleetContractTests {
  @Test(arguments: WorkloadKind.allCases, WorkloadFleetContract.clauses)
  func `a workload keeps`(
    kind: WorkloadKind, clause: WorkloadFleetContract.Clause
  ) async throws {
    try await clause.check(try await ClusterWorkloadSubject(kind))
  }

  @Test(arguments: WorkloadFleetContract.clauses)
  func `each clause catches a workload that strays`(
    clause: WorkloadFleetContract.Clause
  ) async throws {
    let way = try #require(StrayWorkload.Way.breaking(clause.sentence))
    await withKnownIssue("a workload that \(way)") {
      let subject = try await ClusterWorkloadSubject(way.kind) { port, world in
        StrayWorkload(port: port, world: world, way: way)
      }
      try await clause.check(subject)
    }
  }
}
