/// A migration's text on CockroachDB, cut into what runs by itself.
///
/// A change of rows runs in a transaction with the mark that it is done. A definition runs alone,
/// as a transaction of its own: the server changes schemas in jobs, and undoes none of them
/// together with what else stands in a transaction.
package struct CockroachScript: Hashable, Sendable {
  /// One part of a text.
  package struct Step: Hashable, Sendable {
    package var kind: Kind
    /// More than one only where `BEGIN` and `COMMIT` hold changes of rows together.
    package var statements: [PostgresStatement]

    /// The line that it begins on, from 1.
    package var line: Int { statements.first?.line ?? 1 }
    /// The statements as they are written, for a digest.
    package var text: String { statements.map(\.text).joined(separator: ";\n") }
  }

  /// How a step runs.
  package enum Kind: Hashable, Sendable { case rows, definition }

  package var steps: [Step]

  /// Whether everything runs in one transaction with ledger and history.
  package var isAtomic: Bool { steps.allSatisfy { $0.kind == .rows } }

  /// All statements but `BEGIN` and `COMMIT`.
  package var statements: [PostgresStatement] { steps.flatMap(\.statements) }

  /// Reads a text.
  package init(_ text: String) throws(SQLTokenError) {
    steps = []
    var block: [PostgresStatement] = []
    var isInBlock = false
    func closed() -> [Step] {
      guard let first = block.first else { return [] }
      // One definition alone needs no frame; more of them in one are refused by the classifier.
      if block.count == 1 { return [Step(kind: first.cockroachKind, statements: block)] }
      return [Step(kind: .rows, statements: block)]
    }
    for statement in try PostgresStatement.split(text, .cockroachdb) {
      switch statement.control {
      case .begin: isInBlock = true
      case .commit, .rollback, .twoPhase:
        steps += closed()
        (block, isInBlock) = ([], false)
      case nil where isInBlock: block.append(statement)
      case nil: steps.append(Step(kind: statement.cockroachKind, statements: [statement]))
      }
    }
    steps += closed()
  }
}

extension PostgresStatement {
  /// What the statement changes on CockroachDB.
  package var cockroachKind: CockroachScript.Kind {
    let rows = [
      "DELETE", "EXPLAIN", "INSERT", "SELECT", "TABLE", "UPDATE", "UPSERT", "VALUES", "WITH",
    ]
    return rows.contains { begins(with: $0) } || tokens[0].isSymbol("(") || begins(with: "SET")
      ? .rows : .definition
  }

  /// Whether nothing in the schema shows that the statement took effect.
  package var leavesNoTrace: Bool { begins(with: "TRUNCATE") }

  /// The names with a point in them that stand where a statement names a table or an index, part by
  /// part and folded.
  package var qualifiedNames: [[String]] {
    var names: [[String]] = []
    var index = tokens.startIndex + 1
    while index < tokens.endIndex {
      guard introducesName(tokens[index - 1]) else {
        index += 1
        continue
      }
      var parts: [String] = []
      while index < tokens.endIndex,
        tokens[index].kind == .word || tokens[index].kind == .quotedName
      {
        let token = tokens[index]
        parts.append(token.kind == .word ? token.text.lowercased() : token.text)
        guard index + 1 < tokens.endIndex, tokens[index + 1].isSymbol(".") else { break }
        index += 2
      }
      if parts.count > 1 { names.append(parts) }
      index += 1
    }
    return names
  }

  /// Whether a table's or an index's name follows the token: elsewhere a condition may stand behind
  /// ON, and a column behind a comma.
  private func introducesName(_ token: SQLToken) -> Bool {
    let isDefinition = cockroachKind == .definition
    if isDefinition, token.isKeyword("ON") || token.isKeyword("TO") { return true }
    if token.isSymbol(","), begins(with: "DROP") || begins(with: "TRUNCATE") { return true }
    return Self.qualifiers.contains { token.isKeyword($0) }
  }

  private static let qualifiers = [
    "EXISTS", "FROM", "INDEX", "INTO", "JOIN", "LIKE", "REFERENCES", "SEQUENCE", "TABLE",
    "TRUNCATE", "TYPE", "UPDATE", "VIEW",
  ]
}
