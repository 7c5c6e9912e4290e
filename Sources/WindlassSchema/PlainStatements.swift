extension PostgresScript {
  /// The statements that can be sent one by one, without waiting for the answer to the one before:
  /// definitions and changes of rows that the parser knows, which leave session and transaction as
  /// they were; nil for a text with others, and for a long one.
  ///
  /// A text of comments alone has none.
  package var plainStatements: [PostgresStatement]? {
    guard let atomicText, atomicStatements.count <= Self.plainStatementsMax,
      atomicText.utf8.count <= Self.plainTextMax, !atomicText.utf8.contains(0),
      atomicStatements.allSatisfy(\.isPlain)
    else { return nil }
    return atomicStatements
  }

  private static let plainStatementsMax = 32
  /// In bytes.
  private static let plainTextMax = 65_536
}

extension PostgresStatement {
  fileprivate var isPlain: Bool {
    facts.isParsed && facts.action == .transaction && facts.control == nil
      && Self.plainWords.contains { begins(with: $0) }
      // Rows that nobody reads.
      && !tokens.contains { $0.isKeyword("RETURNING") }
  }

  private static let plainWords = [
    "ALTER", "COMMENT", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE",
  ]

  /// The statement with empty lines before it, so that the server counts the file's own lines.
  package var textInPlace: String { String(repeating: "\n", count: max(0, line - 1)) + text }

  /// The only table that the statement locks, and locks against everybody, because it adds columns
  /// to it; nil for any other statement.
  ///
  /// It is written as a statement names it.
  package var tableWithNewColumns: String? {
    guard begins(with: "ALTER", "TABLE"), relationNames.count == (isQualified ? 2 : 1) else {
      return nil
    }
    let name = tokens.dropFirst(2).prefix(isQualified ? 3 : 1)
    let rest = tokens.dropFirst(2 + name.count)
    guard name.allSatisfy({ $0.kind == .word || $0.kind == .quotedName || $0.isSymbol(".") }),
      rest.count > 2, rest[rest.startIndex].isKeyword("ADD"),
      rest[rest.startIndex + 1].isKeyword("COLUMN")
    else { return nil }
    return name.map { $0.kind == .quotedName ? $0.text.quotedName : $0.text }.joined()
  }

  private var isQualified: Bool { tokens.count > 3 && tokens[3].isSymbol(".") }
}
