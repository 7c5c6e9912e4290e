import WindlassCore
import WindlassSchema

/// What must hold of the splitters, whatever text they are given.
package enum SplitterRules {
  private static let file = "1_fuzz.up.sql"

  /// Cuts a text once, as a migration of SQLite is.
  package static func splitOnSQLite(_ text: String) {
    _ = (try? SQLiteTokenizer.tokens(of: text)).map { SQLiteStatements.split($0) }
  }

  /// Cuts a text once, as a migration of MySQL or MariaDB is.
  package static func splitOnMySQL(_ text: String) { _ = try? MySQLStatements.split(text) }

  /// Cuts and judges a text once, as a migration of PostgreSQL is.
  package static func splitOnPostgres(_ text: String) { _ = try? PostgresStatement.split(text) }

  /// The rule that a text breaks on SQLite; nil when it breaks none.
  package static func brokenOnSQLite(_ text: String) -> String? {
    _ = SQLiteClassifier().findings(in: text, file: file)
    // Refused text is no finding.
    guard let tokens = try? SQLiteTokenizer.tokens(of: text) else { return nil }
    let statements = SQLiteStatements.split(tokens)
    let separators = tokens.count - statements.reduce(0) { $0 + $1.count }
    guard separators >= 0, separators <= tokens.count(where: { $0.isSymbol(";") }) else {
      return "only semicolons are left out of the statements"
    }
    guard statements.allSatisfy({ SQLiteStatements.split($0) == [$0] }) else {
      return "a statement by itself is one statement"
    }
    return nil
  }

  /// The rule that a text breaks on MySQL and MariaDB; nil when it breaks none.
  package static func brokenOnMySQL(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    let kinds = MySQLClassifier().findings(in: text, file: file).map(\.kind)
    guard let pieces = try? MySQLTokenizer.pieces(of: bytes) else { return nil }
    guard pieces.flatMap({ bytes[$0.range] }) == bytes else { return "the pieces are the text" }
    guard let statements = try? MySQLStatements.split(text) else { return nil }
    // Where the client's DELIMITER stands, a statement can't be cut without it.
    guard !statements.contains(where: { $0.tokens[0].isKeyword("DELIMITER") }) else { return nil }
    // Two dashes are a comment before a blank and at the end, and so where a statement is cut out.
    guard !statements.contains(where: { $0.tokens.last?.isSymbol("-") == true }) else { return nil }
    var kindsAlone: [BodyFinding.Kind] = []
    for statement in statements {
      guard let alone = try? MySQLStatements.split(statement.text), alone.count == 1,
        alone[0].tokens.map(\.text) == statement.tokens.map(\.text),
        alone[0].kind == statement.kind,
        alone[0].keepsSessionState == statement.keepsSessionState
      else { return "a statement by itself is one statement of the same kind" }
      kindsAlone += MySQLClassifier().findings(in: statement.text, file: file).map(\.kind)
    }
    return kinds == kindsAlone ? nil : "what is refused in a text is refused in its statements"
  }

  /// The rule that a text breaks on PostgreSQL; nil when it breaks none.
  package static func brokenOnPostgres(_ text: String) -> String? {
    _ = PostgresClassifier().findings(in: text, file: file)
    guard let script = try? PostgresScript(text) else { return nil }
    let whole = script.atomicText ?? text
    guard whole.utf8.count == text.utf8.count else {
      return "what is taken off leaves its place empty"
    }
    if let broken = brokenBetween(script.statements, in: Array(text.utf8)) { return broken }
    for statement in script.statements {
      guard let alone = try? PostgresStatement.split(statement.text), alone.count == 1,
        alone[0].tokens.map(\.text) == statement.tokens.map(\.text),
        alone[0].facts == statement.facts
      else { return "a statement by itself is one statement that does the same" }
    }
    guard let parsed = try? PostgresStatement.splitByParser(text),
      let cut = try? PostgresStatement.splitBySemicolons(text)
    else { return nil }
    // In a body as the SQL standard writes it, END may name a column, which only a parser tells.
    let hasBody = parsed.contains { $0.tokens.contains { $0.isKeyword("ATOMIC") } }
    guard hasBody || parsed.map(\.text) == cut.map(\.text) else {
      return "parser and semicolons agree where statements end"
    }
    return nil
  }

  /// Between the statements of a text stands nothing that would be run.
  private static func brokenBetween(
    _ statements: [PostgresStatement], in bytes: [UInt8]
  ) -> String? {
    var end = 0
    for range in statements.map(\.range) + [bytes.count..<bytes.count] {
      guard range.lowerBound >= end else { return "statements do not overlap" }
      let between = String(decoding: bytes[end..<range.lowerBound], as: UTF8.self)
      guard let rest = try? PostgresStatement.split(between), rest.isEmpty else {
        return "between statements stand blanks, comments and semicolons"
      }
      end = range.upperBound
    }
    return nil
  }
}
