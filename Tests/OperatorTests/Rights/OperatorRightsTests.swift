import DeployedCluster
import Foundation
import Testing
import WindlassCore
import WindlassSimulation

@testable import KubernetesFleet
@testable import windlass

/// The rights that `deploy/` gives to the operator are those that the whole operator needs, and it
/// says which one is missing.
///
/// By default two rights are taken away, with `WINDLASS_TORTURE=all` each of them in turn.
/// What came of it is written to the directory `WINDLASS_REPORT_DIR`, where that is set.
@Suite(.serialized) struct OperatorRightsTests {
  private static let environment = ProcessInfo.processInfo.environment

  /// All rights of the operator.
  static let granted: [Right] = {
    let documents = (try? Installation(allowed: nil).documents) ?? []
    return Right.granted(by: documents).sorted()
  }()

  // MARK: - What is needed

  /// Files whose rules are made from what was used.
  private static let files = ["kustomize/base/rights.yaml", "helm/windlass/templates/rights.yaml"]

  /// `RECORD_SNAPSHOTS=1` writes the verbs that were used into the files and fails, so that no
  /// recording passes unread.
  @Test func `the rules of deploy are the verbs that the operator uses, no more and no fewer`()
    async throws
  {
    let used = try await Self.used()
    let granted = Set(Self.granted)
    #expect(!granted.isEmpty)
    #expect(used.subtracting(granted).sorted() == [], "The operator uses these and lacks them")
    #expect(granted.subtracting(used).sorted() == [], "Nothing uses these; take them out")
    for file in Self.files {
      let url = DeployedDocument.root.appending(path: file)
      let old = try String(contentsOf: url, encoding: .utf8)
      let new = RightsText(renewing: old, from: used)
      #expect(new.unexplained == [], "\(file) has no rule for these; write it, and why")
      guard new.text != old else { continue }
      guard Self.environment["RECORD_SNAPSHOTS"] == "1" else {
        Issue.record("\(file) is not what was used; record it with RECORD_SNAPSHOTS=1")
        continue
      }
      try new.text.write(to: url, atomically: true, encoding: .utf8)
      Issue.record("recorded \(file); read it and run again")
    }
  }

  /// What operators do who may do all, so that none is kept from what comes behind a missing right.
  private static func used() async throws -> Set<Right> {
    var seen: Set<UsedRight> = []
    for story in RightsStory.all {
      seen.formUnion(
        try await OperatorWorld.with(story.scene, installation: try .ofTests()) { world in
          try await world.allowAll()
          try await story.live(in: world)
          #expect(world.refusals == [])
          return await world.rights()
        })
    }
    return Set(seen.map(Right.init))
  }

  // MARK: - What is missing

  /// Those that are taken away by default, of a short story: one to write, which the request's own
  /// failure tells of, and one to read, for want of which a step is waited for.
  private static func isUsual(_ right: Right) -> Bool {
    ["patch statefulsets", "get jobs"].contains("\(right.verb) \(right.resource)")
  }

  private static let taken = granted.filter { CampaignPart.isWhole || isUsual($0) }

  @Test(arguments: RightRun.Stage.allCases)
  func `the operator says which right is missing, and goes on once it has it`(
    stage: RightRun.Stage
  ) async throws {
    let runs = try await CampaignPart.carryOut(
      Self.taken, listedAs: "operator-rights-\(stage)",
      "right\tlacking\tnamed after\tconditions\tEvents\tdifferences",
      line: { (run: RightRun) in run.line }, { try await RightRun.of($0, stage) })
    #expect(runs.count == Self.taken.count && !runs.isEmpty)
    // Of what nothing needs nothing is said; but not of all.
    #expect(runs.contains { $0.toldAfter != nil })
    for run in runs where !run.differences.isEmpty {
      Issue.record("\(run.line)\n\(run.log.suffix(80).joined(separator: "\n"))")
    }
  }
}
