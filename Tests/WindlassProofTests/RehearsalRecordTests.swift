import Testing
import WindlassCore

@testable import WindlassProof

@Suite struct RehearsalRecordTests {
  private static func record() -> RehearsalRecord {
    RehearsalRecord(plan: SamplePlan.upgrade, backup: "backup-1")
  }

  @Test func `without a single check nothing was shown`() {
    let verdict = Self.record().verdict
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence == ["no check was carried out, so nothing was shown"])
  }

  @Test func `one check and nothing against it are safe`() {
    var record = Self.record()
    record.checks = 1
    record.notes = ["a note"]
    #expect(record.verdict.judgement == .safe)
    #expect(record.verdict.evidence == ["a note"])
  }

  @Test(arguments: [(true, true), (true, false), (false, true)])
  func `unsafe beats unknown, and neither covers rolling back`(
    _ isUnsafe: Bool, _ isUnknown: Bool
  ) {
    var record = Self.record()
    record.checks = 9
    record.hasShownRollback = true
    if isUnsafe { record.unsafe = ["broken"] }
    if isUnknown { record.unknown = ["unclear"] }
    #expect(record.verdict.judgement == (isUnsafe ? .unsafe : .unknown))
    #expect(record.verdict.evidence.first == (isUnsafe ? "broken" : "unclear"))
    #expect(!record.verdict.coversRollback)
  }

  @Test func `a set without a check is a failure of the visit`() {
    var visit = ServerVisit(part: .newOnNewSchema, title: "1.1.0")
    visit.add(ProbeSetResult(), round: 1)
    #expect(visit.failures == ["0 checks were carried out"])
  }
}
