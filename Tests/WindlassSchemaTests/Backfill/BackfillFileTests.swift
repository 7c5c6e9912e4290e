import Testing
import WindlassCore
import WindlassSchema

@Suite struct BackfillFileTests {
  private func body(_ text: String) throws -> MigrationBody {
    try MigrationBody(version: 4, file: "4_a.up.sql", bytes: Array(text.utf8))
  }

  /// The file with that statement, walking `flags` by `id`.
  private func file(_ statement: String, _ fields: String = "table=flags key=id") throws
    -> MigrationBody
  {
    try body("-- windlass: backfill \(fields)\n\(statement)")
  }

  /// The message of the first finding; nil for a file that is accepted.
  private func complaint(
    _ statement: String, _ dialect: BackfillDialect = .sqlite
  ) throws -> String? {
    Backfill.findings(in: try file(statement), dialect: dialect).first?.message
  }

  // MARK: The first line

  @Test func `the first line names table, key, batch and repetition`() throws {
    let line = "-- windlass: backfill table=app.flags key=flag_id batch=50 repeat=until-unchanged"
    let directive = try body(line).backfill
    #expect(
      directive
        == BackfillDirective(table: "app.flags", key: "flag_id", batch: 50, isRepeated: true))
    #expect(directive?.schema == "app")
    #expect(directive?.plainTable == "flags")
    #expect(try body(line).declaredPhase == .backfill)
  }

  @Test func `a backfill without fields is an ordinary migration`() throws {
    let plain = try body("-- windlass: backfill\nUPDATE flags SET a = 1;")
    #expect(plain.declaredPhase == .backfill)
    #expect(plain.backfill == nil)
    #expect(try Backfill(plain, dialect: .sqlite) == nil)
  }

  @Test(arguments: [
    ("table=flags", "key is missing"), ("key=id", "table is missing"),
    ("table=flags key=", "key is missing"),
    ("table=flags key=id batch=0", "batch is \"0\""),
    ("table=flags key=id batch=many", "batch is \"many\""),
    ("table=flags key=id batch=100001", "batch is \"100001\""),
    ("table=flags key=id repeat=yes", "repeat is \"yes\""),
    ("table=flags key=id key=id", "key is written twice"),
    ("table=flags key=id,kind", "of several columns"),
    ("table=flags key=flags.id", "is no column"),
    ("table=a.b.c key=id", "is no table"), ("table=.b key=id", "is no table"),
    ("table=flags key=\"id\"", "is no plain name"), ("table=flags;drop key=id", "is no plain name"),
    ("table=flags key=id size=5", "\"size=5\" is not understood"),
    ("flags id", "\"flags\" is not understood"),
  ])
  func `fields that are not understood are refused and named`(
    fields: String, part: String
  ) throws {
    let failure = #expect(throws: StepFailure.self) { try file("SELECT 1;", fields) }
    #expect(failure?.code == "MigrationRefused")
    #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "")")
  }

  @Test func `only a backfill has fields`() {
    let failure = #expect(throws: StepFailure.self) {
      try body("-- windlass: expand table=flags key=id")
    }
    #expect(failure?.code == "MigrationPhaseUnknown")
  }

  // MARK: The statement

  @Test(arguments: BackfillDialect.allCases)
  func `a condition takes the marker's place in front of TRUE`(dialect: BackfillDialect) throws {
    let text = "UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE AND a IS NULL;"
    let backfill = try #require(try Backfill(try file(text), dialect: dialect))
    #expect(backfill.statements.count == 1)
    let words = backfill.statements[0].text(where: "id > 1 AND id <= 5").split(separator: " ")
    #expect(
      words.joined(separator: " ")
        == "UPDATE flags SET a = 1 WHERE (id > 1 AND id <= 5) AND TRUE AND a IS NULL")
    #expect(backfill.statements[0].name(of: "\"id\"") == "\"id\"")
    #expect(backfill.statements[0].line == 2)
  }

  @Test func `a marker may say how the statement names the key`() throws {
    let text = """
      INSERT INTO copies (id) SELECT f.id FROM flags AS f
      WHERE f.a > 0 AND /*windlass: range f.id*/ true ON CONFLICT DO NOTHING
      """
    let backfill = try #require(try Backfill(try file(text), dialect: .postgres))
    #expect(backfill.statements[0].name(of: "\"id\"") == "f.\"id\"")
  }

  @Test func `several statements each have their own range`() throws {
    let one = "UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE;\n"
    let two = "DELETE FROM x USING flags f WHERE /* windlass: range f.id */ TRUE AND x.id = f.id;"
    let backfill = try #require(try Backfill(try file(one + two), dialect: .postgres))
    #expect(backfill.statements.map(\.line) == [2, 3])
    #expect(backfill.statements.map(\.qualifier) == [nil, "f"])
  }

  @Test func `names, texts and comments of the file stay as they are`() throws {
    let text = """
      UPDATE flags SET a = 'WHERE TRUE; /* not */ windlass_range_0', b = "weird;name" -- ; OR
      WHERE /* windlass: range */ TRUE /* OR */ AND c <> ';'
      """
    let backfill = try #require(try Backfill(try file(text), dialect: .sqlite))
    let statement = backfill.statements[0].text(where: "X")
    #expect(statement.contains("'WHERE TRUE; /* not */ windlass_range_0'"))
    #expect(statement.contains("(X) AND  TRUE /* OR */ AND c <> ';'"))
  }

  @Test(arguments: [
    "WITH s AS (SELECT id FROM x LIMIT 5) UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE",
    "UPDATE flags SET a = (SELECT count(*) FROM x WHERE x.f = id) WHERE /* windlass: range */ TRUE",
    "UPDATE flags SET a = 1 WHERE (b OR c) AND /* windlass: range */ TRUE",
    "UPDATE flags SET a = 1 WHERE b BETWEEN 1 AND 2 AND /* windlass: range */ TRUE",
    "UPDATE flags SET a = CASE WHEN b OR c THEN 1 END WHERE /* windlass: range */ TRUE",
    "UPDATE flags SET a = b WHERE /* windlass: range */ TRUE AND b = id",
    "DELETE FROM old_flags WHERE /* windlass: range */ TRUE AND id IN (SELECT id FROM flags)",
    "REPLACE INTO x (id) SELECT id FROM flags WHERE /* windlass: range */ TRUE",
  ])
  func `what deals with each row by itself is accepted`(statement: String) throws {
    #expect(try complaint(statement) == nil)
  }

  @Test(arguments: [
    ("UPDATE flags SET a = 1", "no range marker"),
    ("UPDATE flags SET a = 1 WHERE a IS NULL", "no range marker"),
    ("SELECT 1 FROM flags WHERE /* windlass: range */ TRUE", "changes no rows"),
    ("ALTER TABLE flags ADD COLUMN a INTEGER", "changes no rows"),
    ("WITH x AS (SELECT 1) SELECT * FROM x WHERE /* windlass: range */ TRUE", "changes no rows"),
    ("UPDATE flags SET a = 1 WHERE /* windlass: range */ b", "no TRUE"),
    ("UPDATE flags SET a = 1 WHERE b OR /* windlass: range */ TRUE", "part of a condition"),
    ("UPDATE flags SET a = 1 WHERE NOT /* windlass: range */ TRUE", "part of a condition"),
    ("UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE = b", "part of a condition"),
    ("UPDATE flags SET a = 1 WHERE b BETWEEN 0 AND /* windlass: range */ TRUE", "part of a"),
    ("UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE AND b OR c", "an OR stands"),
    ("UPDATE flags SET a = 1 WHERE b OR c AND /* windlass: range */ TRUE", "an OR stands"),
    ("UPDATE flags SET a = 1 WHERE (/* windlass: range */ TRUE OR b)", "inside parentheses"),
    (
      "UPDATE flags SET a = 1 WHERE id IN (SELECT id FROM flags WHERE /* windlass: range */ TRUE)",
      "inside parentheses"
    ),
    (
      "UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE AND /* windlass: range */ TRUE",
      "second range marker"
    ),
    ("UPDATE flags SET a = '/* windlass: range */ TRUE'", "no range marker"),
    ("UPDATE x SET a = 1 WHERE /* windlass: range */ TRUE", "does not name the table"),
    ("UPDATE flags SET id = id + 1 WHERE /* windlass: range */ TRUE", "is changed while"),
    ("UPDATE flags SET a = 1, ID = 7 WHERE /* windlass: range */ TRUE", "is changed while"),
    ("UPDATE flags SET (a, id) = (1, 2) WHERE /* windlass: range */ TRUE", "is changed while"),
    (
      "INSERT INTO flags (id) SELECT id + 1 FROM flags WHERE /* windlass: range */ TRUE",
      "while it is walked"
    ),
    (
      "INSERT INTO x SELECT a, count(*) FROM flags WHERE /* windlass: range */ TRUE GROUP BY a",
      "adds up the rows"
    ),
    ("INSERT INTO x SELECT max(a) FROM flags WHERE /* windlass: range */ TRUE GROUP BY b", "GROUP"),
    ("INSERT INTO x SELECT DISTINCT a FROM flags WHERE /* windlass: range */ TRUE", "DISTINCT"),
    ("DELETE FROM flags WHERE /* windlass: range */ TRUE ORDER BY id LIMIT 5", "LIMIT"),
    (
      "INSERT INTO x SELECT row_number() OVER (ORDER BY id) FROM flags"
        + " WHERE /* windlass: range */ TRUE", "OVER"
    ),
    (
      "WITH d AS (DELETE FROM x RETURNING id) UPDATE flags SET a = 1"
        + " WHERE /* windlass: range */ TRUE", "inside a WITH"
    ),
    ("UPDATE flags SET a = 1 WHERE /* windlass: range x.key */ TRUE", "names the column key"),
    ("UPDATE flags SET a = 1 WHERE /* windlass: ranges */ TRUE", "is not understood"),
    ("UPDATE flags SET a = 1 WHERE /* windlass: range \"f\".id */ TRUE", "is no column"),
    ("UPDATE flags SET a = 1 WHERE /* windlass: range a.b.id */ TRUE", "is no column"),
    ("", "without a statement"), ("-- nothing", "without a statement"),
    ("UPDATE flags SET a = 'unfinished WHERE /* windlass: range */ TRUE", "never ends"),
  ])
  func `what can't be cut into ranges is refused with what to write`(
    statement: String, part: String
  ) throws {
    let message = try #require(try complaint(statement))
    #expect(message.contains(part), "\(message)")
  }

  @Test func `two bars are an OR on MySQL and join texts elsewhere`() throws {
    let text = "UPDATE flags SET a = 1 WHERE b || c AND /* windlass: range */ TRUE"
    #expect(try complaint(text, .mysql)?.contains("an OR stands") == true)
    #expect(try complaint(text, .postgres) == nil)
  }

  @Test func `a marker in a file that names no table is refused`() throws {
    let plain = try body(
      "-- windlass: expand\nUPDATE f SET a = 1 WHERE /* windlass: range */ TRUE;")
    let finding = try #require(Backfill.findings(in: plain, dialect: .postgres).first)
    #expect(finding.line == 2)
    #expect(finding.message.contains("names no table and key"))
  }

  @Test func `a marker inside another comment is refused`() throws {
    let text = "UPDATE flags SET a = 1 -- /* windlass: range */ TRUE\nWHERE a IS NULL"
    let findings = Backfill.findings(in: try file(text), dialect: .mysql)
    #expect(findings.contains { $0.message.contains("inside a text, a name or another comment") })
  }

  @Test func `several findings are told in order of their lines`() throws {
    let text = "UPDATE flags SET a = 1;\nDROP TABLE x;\n"
    let failure = #expect(throws: StepFailure.self) {
      try Backfill(try file(text), dialect: .sqlite)
    }
    #expect(failure?.code == "MigrationRefused")
    #expect(failure?.message.hasPrefix("4_a.up.sql:2:") == true)
    #expect(failure?.message.hasSuffix("(and 1 more in the same file)") == true)
  }
}
