/// Finds what may not stand in a PostgreSQL migration, because it would leave the transaction, take
/// the session's limits away, or reach outside the database.
package struct PostgresClassifier: Sendable {
  /// The name of the ledger's table, which bodies may read but not write.
  package var ledgerTable: String

  package init(ledgerTable: String = PostgresLedgerName.defaultTable) {
    self.ledgerTable = ledgerTable
  }

  /// Everything in the body that is refused, in order of lines.
  package func findings(in body: String, file: String) -> [BodyFinding] {
    let statements: [PostgresStatement]
    do throws(SQLTokenError) {
      statements = try PostgresStatement.split(body)
    } catch {
      return [
        BodyFinding(
          kind: .unreadable, file: file, line: error.line,
          message: "\(error.reason). Correct the file.")
      ]
    }
    var findings = statements.compactMap { self.finding(in: $0) }
    findings += controlFindings(in: statements)
    for index in findings.indices { findings[index].file = file }
    return findings.sorted { $0.line < $1.line }
  }

  private func finding(in statement: PostgresStatement) -> BodyFinding? {
    if let token = statement.tokens.first(where: { $0.isSymbol("\\") }) {
      return found(
        .shellCommand, token,
        "`\\` begins a command of psql and is not SQL. Remove the line.")
    }
    for token in statement.tokens {
      let isName = token.kind == .word || token.kind == .quotedName
      if isName, OwnTables.isOwn(token.text) {
        return found(
          .ownTable, token,
          "\(token.text) belongs to Windlass; a migration may not name it. Use another name.")
      }
      if token.kind == .parameter {
        return found(
          .parameter, token, "\(token.text) is a parameter without a value. Write the value.")
      }
    }
    return copyFinding(statement) ?? serverFinding(statement) ?? settingFinding(statement)
      ?? concurrentFinding(statement) ?? ledgerFinding(statement)
  }

  private func copyFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard statement.begins(with: "COPY") else { return nil }
    let usesClient = statement.tokens.contains { $0.isKeyword("STDIN") || $0.isKeyword("STDOUT") }
    return usesClient
      ? found(
        .outsideFile, statement.tokens[0],
        "COPY moves rows between server and client, and there is no client's file here. Write"
          + " INSERT statements; `pg_dump --inserts` does.")
      : found(
        .outsideFile, statement.tokens[0],
        "COPY reads or writes a file of the server, or runs a program there. Load the rows by the"
          + " service itself.")
  }

  private func serverFinding(_ statement: PostgresStatement) -> BodyFinding? {
    let reaching = ["DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION"]
    guard ["CREATE", "DROP", "ALTER"].contains(where: { statement.begins(with: $0) }),
      statement.tokens.count > 1, let word = reaching.first(where: statement.tokens[1].isKeyword)
    else { return nil }
    return found(
      .serverChange, statement.tokens[0],
      "\(statement.tokens[0].text.uppercased()) \(word) reaches outside the database and can't be"
        + " undone with the migration. Do it by hand before the upgrade.")
  }

  private static let limits: Set<String> = [
    "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout",
    "transaction_timeout", "role", "session", "standard_conforming_strings", "client_encoding",
  ]

  private func settingFinding(_ statement: PostgresStatement) -> BodyFinding? {
    if statement.begins(with: "RESET") || statement.begins(with: "DISCARD") {
      return found(
        .sessionSetting, statement.tokens[0],
        "\(statement.tokens[0].text.uppercased()) takes away the limits under which Windlass"
          + " migrates. Remove the line.")
    }
    guard statement.begins(with: "SET") else { return nil }
    var rest = statement.tokens.dropFirst()
    if rest.first?.isKeyword("LOCAL") == true { rest = rest.dropFirst() }
    if rest.first?.isKeyword("SESSION") == true, rest.count > 1,
      !rest[rest.startIndex + 1].isKeyword("AUTHORIZATION"),
      !rest[rest.startIndex + 1].isKeyword("CHARACTERISTICS")
    {
      rest = rest.dropFirst()
    }
    guard let name = rest.first, Self.limits.contains(name.text.lowercased()) else { return nil }
    return found(
      .sessionSetting, name,
      "SET \(name.text) changes who migrates or under which limits, which Windlass itself sets."
        + " Remove the line; `--lock-budget` and `--hold-budget` set the limits.")
  }

  private func concurrentFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard let word = statement.tokens.first(where: { $0.isKeyword("CONCURRENTLY") }) else {
      return nil
    }
    if case .concurrent(.createIndex(name: "", _, _)) = statement.action {
      return found(
        .unknownStatement, word,
        "The index has no name, by which a half-built one would be found after a crash. Name it.")
    }
    guard statement.tokens.contains(where: { $0.isKeyword("DETACH") }) else { return nil }
    return found(
      .unknownStatement, word,
      "DETACH PARTITION CONCURRENTLY leaves a half-detached partition when it is cut off. Leave"
        + " CONCURRENTLY away; the lock is short.")
  }

  private static let writers: Set<String> = [
    "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "TRUNCATE", "WITH", "MERGE",
  ]

  private func ledgerFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard Self.writers.contains(statement.tokens[0].text.uppercased()),
      let token = statement.tokens.first(where: {
        ($0.kind == .word || $0.kind == .quotedName)
          && $0.text.lowercased() == ledgerTable.lowercased()
      })
    else { return nil }
    return found(
      .ledger, token,
      "\(token.text) is the ledger, which only the migration tool writes. Remove the statement.")
  }

  /// Transaction control must come in pairs, and may take nothing back.
  private func controlFindings(in statements: [PostgresStatement]) -> [BodyFinding] {
    var findings: [BodyFinding] = []
    var opening: PostgresStatement?
    for statement in statements {
      let head = statement.tokens[0]
      switch statement.control {
      case .begin:
        if opening != nil {
          findings.append(found(.transactionControl, head, "BEGIN stands inside a transaction."))
        }
        opening = statement
      case .commit:
        if opening == nil || statement.tokens.contains(where: { $0.isKeyword("CHAIN") }) {
          findings.append(
            found(.transactionControl, head, "This COMMIT ends no BEGIN of the file. Remove it."))
        }
        opening = nil
      case .rollback:
        findings.append(
          found(
            .transactionControl, head,
            "ROLLBACK takes back what the ledger would call applied. Remove the statements."))
        opening = nil
      case nil:
        guard opening != nil, statement.action != .transaction else { continue }
        findings.append(
          found(
            .transactionControl, head,
            "\(head.text.uppercased()) can't run in a transaction. Move it out of BEGIN and"
              + " COMMIT."))
      }
    }
    if let opening {
      findings.append(
        found(
          .transactionControl, opening.tokens[0],
          "This BEGIN has no COMMIT. Remove it; each file runs in one transaction anyway."))
    }
    return findings
  }

  private func found(
    _ kind: BodyFinding.Kind, _ token: SQLToken, _ message: String
  ) -> BodyFinding {
    BodyFinding(kind: kind, file: "", line: token.line, message: message)
  }
}

/// How the ledger of PostgreSQL is called where nobody chose another name.
package enum PostgresLedgerName {
  /// golang-migrate's own name.
  package static let defaultTable = "schema_migrations"
}
