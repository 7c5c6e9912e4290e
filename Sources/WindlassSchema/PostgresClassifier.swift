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
    return nameFinding(statement.tokens) ?? copyFinding(statement) ?? serverFinding(statement)
      ?? settingFinding(statement) ?? callFinding(statement.tokens) ?? programFinding(statement)
      ?? concurrentFinding(statement) ?? ledgerFinding(statement)
  }

  /// Names that no migration may use, wherever they stand.
  private func nameFinding(_ tokens: [SQLToken]) -> BodyFinding? {
    for token in tokens {
      let isName = token.kind == .word || token.kind == .quotedName
      if isName, OwnTables.isOwn(token.text) {
        return found(
          .ownTable, token,
          "\(token.text) belongs to Windlass; a migration may not name it. Use another name.")
      }
      if token.isKeyword("UESCAPE") {
        return found(
          .unknownStatement, token, "UESCAPE hides what is named. Write the name or text itself.")
      }
      if token.kind == .parameter {
        return found(
          .parameter, token, "\(token.text) is a parameter without a value. Write the value.")
      }
    }
    return nil
  }

  private func copyFinding(_ statement: PostgresStatement) -> BodyFinding? {
    switch statement.facts.copy {
    case .client:
      found(
        .outsideFile, statement.tokens[0],
        "COPY moves rows between server and client, and there is no client's file here. Write"
          + " INSERT statements; `pg_dump --inserts` does.")
    case .server:
      found(
        .outsideFile, statement.tokens[0],
        "COPY reads or writes a file of the server, or runs a program there. Load the rows by the"
          + " service itself.")
    case nil: nil
    }
  }

  private func serverFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard let change = statement.facts.serverChange else { return nil }
    return found(
      .serverChange, statement.tokens[0],
      "\(change) reaches outside the database and can't be undone with the migration. Do it by"
        + " hand before the upgrade.")
  }

  private func settingFinding(_ statement: PostgresStatement) -> BodyFinding? {
    if statement.facts.resets {
      return found(
        .sessionSetting, statement.tokens[0],
        "\(statement.tokens[0].text.uppercased()) takes away the limits under which Windlass"
          + " migrates. Remove the line.")
    }
    guard let name = statement.facts.setting, PostgresCalls.isLimit(name) else { return nil }
    return found(
      .sessionSetting, statement.tokens[0],
      "SET \(name) changes who migrates or under which limits, which Windlass itself sets."
        + " Remove the line; `--lock-budget` and `--hold-budget` set the limits.")
  }

  private func callFinding(_ tokens: [SQLToken]) -> BodyFinding? {
    guard let call = PostgresCalls.refused(in: tokens) else { return nil }
    return found(call.kind, call.token, call.message)
  }

  /// What the body of a `DO` does at once, as far as it is written there.
  private func programFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard let program = statement.facts.program else { return nil }
    let head = statement.tokens[0]
    guard let pieces = try? PostgresTokenizer.pieces(of: program) else {
      return found(.unreadable, head, "The body of DO can't be read. Correct the file.")
    }
    let tokens = pieces.map(\.token)
    if let finding = nameFinding(tokens) ?? callFinding(tokens) {
      return found(finding.kind, head, "In the body of DO: \(finding.message)")
    }
    let starters = ["BEGIN", "THEN", "ELSE", "LOOP"]
    for (index, token) in tokens.enumerated() {
      let before = index > 0 ? tokens[index - 1] : nil
      let begins = before.map { last in
        last.isSymbol(";") || starters.contains(where: last.isKeyword)
      }
      guard begins ?? true else { continue }
      if token.isKeyword("COMMIT") || token.isKeyword("ROLLBACK") {
        return found(
          .transactionControl, head,
          "In the body of DO: \(token.text.uppercased()) leaves the one transaction in which the"
            + " file and its mark are written. Remove it.")
      }
      if token.isKeyword("COPY") {
        return found(
          .outsideFile, head, "In the body of DO: COPY reads or writes a file or runs a program.")
      }
      let rest = tokens[index...].dropFirst().drop {
        $0.isKeyword("LOCAL") || $0.isKeyword("SESSION")
      }
      let isSetting = token.isKeyword("RESET") || token.isKeyword("SET")
      if isSetting, PostgresCalls.isLimit(rest.first?.text.lowercased() ?? "*") {
        return found(
          .sessionSetting, head,
          "In the body of DO: \(token.text.uppercased()) changes the limits under which Windlass"
            + " migrates. Remove it.")
      }
    }
    return nil
  }

  private func concurrentFinding(_ statement: PostgresStatement) -> BodyFinding? {
    let head = statement.tokens[0]
    let word = statement.tokens.first { $0.isKeyword("CONCURRENTLY") } ?? head
    if case .concurrent(.createIndex(name: "", _, _)) = statement.action {
      return found(
        .unknownStatement, word,
        "The index has no name, by which a half-built one would be found after a crash. Name it.")
    }
    guard statement.facts.detachesConcurrently else { return nil }
    return found(
      .unknownStatement, word,
      "DETACH PARTITION CONCURRENTLY leaves a half-detached partition when it is cut off. Leave"
        + " CONCURRENTLY away; the lock is short.")
  }

  private func ledgerFinding(_ statement: PostgresStatement) -> BodyFinding? {
    let ledger = ledgerTable.lowercased()
    guard let name = statement.facts.written.first(where: { $0.lowercased() == ledger }) else {
      return nil
    }
    let token = statement.tokens.first { $0.text.lowercased() == ledger }
    return found(
      .ledger, token ?? statement.tokens[0],
      "\(name) is the ledger, which only the migration tool writes. Remove the statement.")
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
        if opening == nil || statement.facts.chains {
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
      case .twoPhase:
        findings.append(
          found(
            .transactionControl, head,
            "A prepared transaction is ended by another than Windlass. Remove the statement."))
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
