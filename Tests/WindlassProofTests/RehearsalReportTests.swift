import FoundationEssentials
import Synchronization
import Testing
import WindlassCore
import WindlassProof
import WindlassSchema
import WindlassWire

/// Reports kept in memory.
final class RememberedReports: RehearsalReports, Sendable {
  private let kept = Mutex<[RehearsalReport]>([])
  private let failure: StepFailure?

  init(failure: StepFailure? = nil) { self.failure = failure }

  var reports: [RehearsalReport] { kept.withLock { $0 } }

  func store(_ report: RehearsalReport) async throws(StepFailure) {
    if let failure { throw failure }
    kept.withLock { $0.append(report) }
  }
}

@Suite struct RehearsalReportTests {
  private static func recklessWorld() -> RehearsalWorld {
    RehearsalWorld {
      $0.catalogue = { applied in
        var catalogue = SampleCatalogue.before
        guard !applied.isEmpty else { return catalogue }
        catalogue.change("flags") { $0.columns.removeAll { $0.name == "description" } }
        return catalogue
      }
      $0.answer = { question in
        question.server.label == "old-1" && question.path.hasSuffix("evaluate")
          ? SampleService.missingColumn : SampleService.answer(question)
      }
    }
  }

  @Test func `the report tells the hop, the verdict, every step and every probe`() async throws {
    let reports = RememberedReports()
    let (verdict, _) = try await Self.recklessWorld().rehearse(reports: reports)
    let report = try #require(reports.reports.first)
    #expect(reports.reports.count == 1)
    #expect(report.verdict == verdict)
    let lines = report.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.first == "# Rehearsal of beacon 1.1.0")
    #expect(lines[2].hasPrefix("Verdict: **unsafe** after 9 checks; automatic roll-back is not"))
    #expect(lines[4].hasPrefix("    1.0.0 no longer works on the schema that 1.1.0 expands to: "))
    for text in [
      "    run       run-1", "    backup    backup-1",
      "1. restore backup-1 into the untouched copy (0ms)",
      "2. 1.0.0 on an untouched copy (0ms)",
      "    passed   probe \"create\" POST /flags",
      "    FAILED   probe \"evaluate\" POST /api/v1/evaluate expected 200, got 500",
      "    2_change.up.sql (expand) held its lock for 5ms",
      "    Column flags.description is gone.",
      "    BREAKING X3: column flags.description is dropped",
    ] {
      #expect(lines.contains { $0.hasPrefix(text) }, "no line begins with: \(text)")
    }
  }

  @Test func `nothing from outside stands outside an indented block`() async throws {
    let world = RehearsalWorld {
      $0.answer = { _ in HTTPResponse(status: 500, body: Array("# <b>evil</b>\n\n# more".utf8)) }
    }
    let reports = RememberedReports()
    _ = try await world.rehearse(reports: reports)
    let text = try #require(reports.reports.first?.text)
    #expect(text.contains("evil"))
    for line in text.split(separator: "\n") where line.contains("evil") {
      #expect(line.hasPrefix("    "))
    }
  }

  @Test func `the report as JSON has the same verdict and findings`() async throws {
    let reports = RememberedReports()
    let (verdict, _) = try await Self.recklessWorld().rehearse(reports: reports)
    let json = try JSONValue.parse(try #require(reports.reports.first).json.prettyBytes)
    #expect(json.value(at: "/verdict/judgement") == "unsafe")
    #expect(json.value(at: "/verdict/evidence/0")?.string == verdict.evidence.first)
    #expect(json.value(at: "/from") == "1.0.0")
    #expect(json.value(at: "/findings/0/rule") == "X3")
    #expect(json.value(at: "/findings/0/breaking") == true)
    #expect(json.value(at: "/migrations/0/heldMilliseconds") == 5)
    #expect(json.value(at: "/failure") == .null)
    #expect(json.value(at: "/steps")?.array?.isEmpty == false)
  }

  @Test func `a rehearsal that was hindered keeps a report without a verdict`() async throws {
    let missing = StepFailure(code: "BackupMissing", disposition: .stop, message: "no backup-1")
    let world = RehearsalWorld { $0.failure = (at: 1, with: missing) }
    let reports = RememberedReports()
    await #expect(throws: missing) { _ = try await world.rehearse(reports: reports) }
    let report = try #require(reports.reports.first)
    #expect(report.verdict == nil)
    #expect(report.text.contains("There is no verdict:\n\n    BackupMissing: no backup-1"))
    #expect(report.json.value(at: "/failure/code") == "BackupMissing")
  }

  @Test func `a report that can't be kept takes nothing from the verdict`() async throws {
    let full = StepFailure(code: "DiskFull", disposition: .wait, message: "no room")
    let (verdict, _) = try await RehearsalWorld().rehearse(
      reports: RememberedReports(failure: full))
    #expect(verdict.judgement == .safe)
    #expect(verdict.evidence.last == "the report could not be kept: no room")
  }

  @Test func `a verdict carries bounded evidence and the report all of it`() async throws {
    var new = SamplePlan.new
    new.probes = (1...100).map { Probe(name: "p\($0)", method: "GET", path: "/nowhere") }
    let plan = SamplePlan.plan(.upgrade, from: SamplePlan.old, to: new)
    let (verdict, report) = try await RehearsalWorld().rehearse(plan)
    #expect(verdict.evidence.count == Bounds.evidenceLinesMax)
    #expect(verdict.evidence.last?.contains("more findings are in the report") == true)
    #expect(report.steps.last { $0.outcome == .failed }?.probes.count ?? 0 >= 100)
  }
}

@Suite struct ReportDirectoryTests {
  /// Runs the body with a fresh directory, which is gone afterwards.
  private static func withDirectory(_ body: (String) async throws -> Void) async throws {
    let url = FileManager.default.temporaryDirectory.appending(
      path: "windlass-reports-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    do {
      try await body(url.path)
    } catch {
      try FileManager.default.removeItem(at: url)
      throw error
    }
    try FileManager.default.removeItem(at: url)
  }

  @Test func `a report is kept as text and JSON, and replaced by a later one`() async throws {
    try await Self.withDirectory { path in
      let directory = ReportDirectory(path: path)
      var report = RehearsalReport(plan: SamplePlan.upgrade, backup: "backup-1")
      try await directory.store(report)
      report.duration = .seconds(3)
      try await directory.store(report)
      let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
      #expect(names == ["run-1-rehearsal.json", "run-1-rehearsal.md"])
      let text = try Data(contentsOf: URL(filePath: path + "/run-1-rehearsal.md"))
      #expect(String(decoding: text, as: UTF8.self) == report.text)
      let json = try Data(contentsOf: URL(filePath: path + "/run-1-rehearsal.json"))
      #expect(try JSONValue.parse(json) == report.json)
    }
  }

  @Test func `only the owner may read a report`() async throws {
    try await Self.withDirectory { path in
      let report = RehearsalReport(plan: SamplePlan.upgrade, backup: "backup-1")
      try await ReportDirectory(path: path).store(report)
      let attributes = try FileManager.default.attributesOfItem(
        atPath: path + "/run-1-rehearsal.md")
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test func `a missing directory is made where its parent is there`() async throws {
    try await Self.withDirectory { path in
      let report = RehearsalReport(plan: SamplePlan.upgrade, backup: "backup-1")
      try await ReportDirectory(path: path + "/reports").store(report)
      #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/reports").count == 2)
    }
  }

  @Test func `a directory that is missing is named`() async throws {
    let report = RehearsalReport(plan: SamplePlan.upgrade, backup: "backup-1")
    await #expect {
      try await ReportDirectory(path: "/nowhere/at/all").store(report)
    } throws: { error in
      let failure = error as? StepFailure
      return failure?.code == "ReportNotKept"
        && failure?.message.contains("/nowhere/at/all") == true
    }
  }

  @Test(arguments: [("run-1", "run-1"), ("../../etc/x", "______etc_x"), ("a b/c", "a_b_c")])
  func `a run's id can't lead out of the directory`(_ run: String, _ name: String) {
    #expect(ReportDirectory.fileName(for: RunID(run)) == "\(name)-rehearsal")
  }
}
