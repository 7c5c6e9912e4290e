import Foundation
import Glibc

/// Which part of a campaign is carried out, and where it is written down what came of it.
enum CampaignPart {
  private static let environment = ProcessInfo.processInfo.environment

  /// Whether nothing is left out, as `WINDLASS_TORTURE=all` has it.
  static let isWhole = environment["WINDLASS_TORTURE"] == "all"

  /// The courses that `WINDLASS_COURSES` names; nil for the usual ones.
  static let courses = environment["WINDLASS_COURSES"]?.split(separator: " ").map(String.init)

  /// The kinds of faults that `WINDLASS_FAULTS` names; nil for all.
  static let faults = environment["WINDLASS_FAULTS"]?.split(separator: " ").map(String.init)

  /// Of how many plans one is carried out: what `WINDLASS_PLANS` says, or all, or few.
  static func stride(usually few: Int) -> Int {
    let asked = environment["WINDLASS_PLANS"].flatMap { Int($0) }
    return asked.map { max(1, $0) } ?? (isWhole ? 1 : few)
  }

  /// Carries plans out, as many at a time as there are processors, and returns what came of them
  /// in their order. Each has a line in a list of that name from when it is done.
  static func carryOut<Plan: Sendable, Run: Sendable>(
    _ plans: [Plan], listedAs name: String, _ head: String, line: (Run) -> String,
    _ carryOut: @escaping @Sendable (Plan) async throws -> Run
  ) async throws -> [Run] {
    let list = try CampaignList(name, head)
    let width = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    return try await withThrowingTaskGroup(of: (Int, Run).self) { group in
      var runs: [Int: Run] = [:]
      for (index, plan) in plans.enumerated() {
        if index >= width, let (done, run) = try await group.next() {
          runs[done] = run
          try list?.add(line(run))
        }
        group.addTask { (index, try await carryOut(plan)) }
      }
      for try await (done, run) in group {
        runs[done] = run
        try list?.add(line(run))
      }
      return plans.indices.compactMap { runs[$0] }
    }
  }
}
