/// What a statement does, as far as running it exactly once is concerned.
package enum MySQLStatementKind: Hashable, Sendable {
  /// Changes the schema: commits implicitly, takes effect as a whole or not at all, and shows in
  /// the catalogue.
  case definition
  /// Empties or rewrites a table without a trace in the catalogue, and commits implicitly.
  case truncation
  /// Changes rows, and can be rolled back on a transactional table.
  case data
  /// Only reads, or looks after a table.
  case query
  /// Sets something for the session alone; it is repeated when a migration is resumed.
  case setting
  /// Runs code that the text does not show.
  case call
}

extension MySQLStatement {
  /// What the statement does.
  package var kind: MySQLStatementKind {
    let words = tokens.lazy.filter { $0.kind == .word }.map { $0.text.uppercased() }
    switch words.first {
    case "TRUNCATE": return .truncation
    case "INSERT", "REPLACE", "UPDATE", "DELETE": return .data
    case "WITH":
      return words.contains { ["INSERT", "REPLACE", "UPDATE", "DELETE"].contains($0) }
        ? .data : .query
    case "SET": return .setting
    case "CALL", "DO", "BEGIN": return .call
    case "CREATE", "ALTER", "DROP", "RENAME": return .definition
    default: return .query
    }
  }

  /// Whether the statement leaves something in the session that a new session would lack and that
  /// can't be made again by repeating it.
  package var keepsSessionState: Bool {
    if tokens.count > 1, tokens[0].isKeyword("CREATE"),
      tokens.prefix(4).contains(where: { $0.isKeyword("TEMPORARY") })
    {
      return true
    }
    return tokens.contains { token in
      token.kind == .parameter && !token.text.hasPrefix("@@")
    }
  }
}
