import Testing

@testable import WindlassSchema

/// What PostgreSQL's own parser is asked, and what happens where it knows no answer.
struct PostgresParserTests {
  private func facts(_ text: String) throws -> PostgresFacts {
    try #require(try PostgresStatement.split(text).first).facts
  }

  @Test(arguments: [
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"I\" ON ONLY app.a (b)",
    "CREATE INDEX CONCURRENTLY ON a (b)", "DROP INDEX CONCURRENTLY IF EXISTS app.i CASCADE",
    "DROP INDEX CONCURRENTLY \"I\"", "REINDEX TABLE CONCURRENTLY a", "REINDEX SCHEMA a",
    "VACUUM FULL a", "CLUSTER", "CLUSTER a USING i", "ANALYZE a", "COMMIT AND CHAIN", "ABORT",
    "ROLLBACK TO SAVEPOINT a", "SAVEPOINT a", "BEGIN ISOLATION LEVEL SERIALIZABLE",
    "START TRANSACTION", "PREPARE TRANSACTION 'a'", "ROLLBACK PREPARED 'a'", "END WORK",
    "SET LOCAL lock_timeout = 1", "SET SESSION ROLE a", "RESET ROLE", "DISCARD ALL",
    "COPY a (b) FROM STDIN", "COPY a TO '/x'", "DROP DATABASE a", "ALTER SYSTEM RESET ALL",
    "ALTER TABLE a DETACH PARTITION b CONCURRENTLY", "LOAD 'a'",
  ])
  func `parser and words agree on what matters`(text: String) throws {
    let parsed = try facts(text)
    #expect(parsed.isParsed)
    var read = PostgresFacts(try PostgresTokenizer.pieces(of: text).map(\.token))
    #expect(!read.isParsed)
    // Which tables are written is told more broadly by words.
    #expect(read.written.isSuperset(of: parsed.written.map { $0 }) || parsed.written.isEmpty)
    (read.isParsed, read.written) = (true, parsed.written)
    #expect(read == parsed)
  }

  @Test func `newer syntax is cut at its semicolons and told by its words`() throws {
    let newer = "MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE RETURNING a.i"
    let statements = try PostgresStatement.split("\(newer); SELECT ';'; DROP TABLE a")
    #expect(statements.map(\.text) == [newer, "SELECT ';'", "DROP TABLE a"])
    #expect(statements.map(\.facts.isParsed) == [false, true, true])
    #expect(statements[0].facts.written.contains("a"))
  }

  /// Each of these is nested as deep as its length allows.
  @Test(arguments: [
    ("SELECT ", "(", ""), ("SELECT ", "NOT ", "a"), ("SELECT ", "- ", "a"), ("SELECT a", "+a", ""),
    ("SELECT a", "::a", ""), ("SELECT a", " UNION SELECT 1", ""), ("SELECT ", "(SELECT ", ""),
    ("SELECT ", "ARRAY[", ""), ("", "EXPLAIN ", "SELECT 1"),
    ("SELECT * FROM a", " CROSS JOIN a", ""),
    ("SELECT ", "CASE WHEN ", ""), ("", "BEGIN ATOMIC ", ""), ("", "/*", ""), ("", "$$;", ""),
  ])
  func `no depth of nesting is too deep`(start: String, part: String, end: String) async {
    for count in [900, 100_000] {
      let text = start + String(repeating: part, count: count) + end
      // A thread of the pool has a smaller stack than the first one.
      await Task.detached { _ = try? PostgresStatement.split(text) }.value
    }
  }

  @Test func `many threads ask the parser at once`() async {
    let text = "CREATE TABLE a (b int); INSERT INTO a VALUES (1, 'x'); COPY a FROM PROGRAM 'ls'"
    await withTaskGroup(of: Int.self) { group in
      for index in 0..<200 {
        group.addTask {
          // A refused text leaves the parser by a long jump.
          _ = PostgresParser.statements(in: "SELECT \(index) FROM FROM")
          return PostgresClassifier().findings(in: text, file: "1_a.up.sql").count
        }
      }
      for await count in group { #expect(count == 1) }
    }
  }

  @Test(arguments: ["{", "[1", "{\"a\":\"b", "nothing", "{\"a\":\"\\u12\"}", "}", ""])
  func `what is no tree is none`(text: String) {
    #expect(PostgresTree(json: Array(text.utf8)) == nil)
  }

  @Test func `a tree's texts are read with their escapes`() throws {
    let tree = try #require(
      PostgresTree(json: Array(#"{"a":[{"sval":"x\n\"\u0009é"},{"b":true}],"c":-1.5}"#.utf8)))
    #expect(tree.strings(in: 0) == ["x\n\"\té"])
    #expect(tree.text("c", of: 0) == "-1.5")
    #expect(tree.all("b", below: 0).map { tree.entries[$0].value } == ["true"])
  }

  @Test func `names are read as they are meant`() throws {
    let names = try PostgresTokenizer.pieces(
      of: #"U&"d\0061t\+000061\\x" "a""b" U&"\00e9" U&"\zz""#
    ).map(\.token.text)
    #expect(names == [#"data\x"#, "a\"b", "é", #"\zz"#])
  }
}
