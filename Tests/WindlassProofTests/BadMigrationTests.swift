import Testing
import WindlassProof
import WindlassSchema

/// A migration as what it does to a catalogue.
struct SampleMigration: CustomTestStringConvertible, Sendable {
  let name: String
  /// The rule that a reader has to be pointed to.
  let rule: StructureRule
  /// What the finding names.
  let object: String
  let change: @Sendable (inout Catalogue) -> Void

  init(
    _ name: String, _ rule: StructureRule, _ object: String,
    _ change: @escaping @Sendable (inout Catalogue) -> Void
  ) {
    self.name = name
    self.rule = rule
    self.object = object
    self.change = change
  }

  var testDescription: String { name }

  /// What the review says of it.
  var findings: [StructureFinding] {
    var after = SampleCatalogue.before
    change(&after)
    return StructureReview.expansion(from: SampleCatalogue.before, to: after)
  }
}

@Suite struct BadMigrationTests {
  @Test(arguments: SampleMigration.bad)
  func `a migration that breaks running servers is found`(_ migration: SampleMigration) throws {
    let findings = migration.findings
    let finding = try #require(
      findings.first { $0.rule == migration.rule && $0.object.contains(migration.object) },
      "found instead: \(findings.map(\.sentence))")
    #expect(finding.isBreaking)
    #expect(findings.first?.isBreaking == true)
    #expect(finding.sentence.contains("instead: \(migration.rule.rewrite)"))
  }

  @Test(arguments: SampleMigration.doubtful)
  func `a migration that needs a look is reported and does not break`(
    _ migration: SampleMigration
  ) throws {
    let findings = migration.findings
    #expect(findings.contains { $0.rule == migration.rule && $0.object.contains(migration.object) })
    #expect(findings.filter(\.isBreaking).map(\.sentence) == [])
  }

  @Test(arguments: SampleMigration.harmless)
  func `a harmless migration has no finding`(_ migration: SampleMigration) {
    #expect(migration.findings.map(\.sentence) == [])
  }

  @Test func `the set of bad migrations is large and has no name twice`() {
    #expect(SampleMigration.bad.count >= 40)
    let names = (SampleMigration.bad + SampleMigration.doubtful + SampleMigration.harmless)
      .map(\.name)
    #expect(Set(names).count == names.count)
  }

  @Test func `every rule has a case in the sets`() {
    let seen = Set((SampleMigration.bad + SampleMigration.doubtful).map(\.rule))
    #expect(seen == Set(StructureRule.allCases))
  }

  @Test func `two equal catalogues have no finding`() {
    let same = SampleCatalogue.before
    #expect(StructureReview.expansion(from: same, to: same) == [])
    #expect(StructureReview.differences(from: same, to: same) == [])
  }
}

@Suite struct ContractReviewTests {
  @Test func `contract migrations may drop columns and tables`() {
    var after = SampleCatalogue.before
    after.change("flags") { $0.columns.removeAll { $0.name == "description" } }
    after.tables.removeAll { $0.name == "rules" }
    #expect(StructureReview.contraction(from: SampleCatalogue.before, to: after) == [])
  }

  @Test func `contract migrations may not lose rows of a table that stays`() {
    var after = SampleCatalogue.before
    after.change("rules") { $0.rows = 0 }
    let findings = StructureReview.contraction(from: SampleCatalogue.before, to: after)
    #expect(findings.map(\.rule) == [.loseRows])
    #expect(findings.first?.sentence.contains("loses 40 of 40 rows") == true)
  }
}

@Suite struct CheckReviewTests {
  @Test func `a check that goes with its column is part of that finding`() {
    var after = SampleCatalogue.before
    after.change("flags") { table in
      table.columns.removeAll { $0.name == "percent" }
      table.checks = []
    }
    let findings = StructureReview.expansion(from: SampleCatalogue.before, to: after)
    #expect(findings.map(\.rule) == [.dropColumn])
  }
}
