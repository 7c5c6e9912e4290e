/// Finds what may not stand in a SQLite migration, because it would leave the one transaction in
/// which body, ledger and history are written, or reach outside the database.
///
/// The driver refuses the same things once more while SQLite itself compiles the statements; this
/// is the part that needs no database and names the line.
package struct SQLiteClassifier: Sendable {
  /// The name of the ledger's table, which bodies may read but not write.
  package var ledgerTable: String

  package init(ledgerTable: String = SQLiteLedger.defaultTable) {
    self.ledgerTable = ledgerTable
  }

  /// Everything in the body that is refused, in order of lines.
  package func findings(in body: String, file: String) -> [BodyFinding] {
    let tokens: [SQLToken]
    do throws(SQLTokenError) {
      tokens = try SQLiteTokenizer.tokens(of: body)
    } catch {
      return [
        BodyFinding(
          kind: .unreadable, file: file, line: error.line,
          message: "\(error.reason). Correct the file.")
      ]
    }
    let statements = SQLiteStatements.split(tokens)
    var findings = statements.flatMap { self.findings(in: $0) }
    if let last = statements.last, SQLiteStatements.isUnfinishedTrigger(last) {
      findings.append(
        finding(.unreadable, last[0], "a trigger begins and its END never comes. Complete it."))
    }
    for index in findings.indices { findings[index].file = file }
    return findings
  }

  private func findings(in statement: [SQLToken]) -> [BodyFinding] {
    var findings: [BodyFinding] = []
    if let finding = headFinding(statement) { findings.append(finding) }
    for token in statement {
      if token.kind == .word || token.kind == .quotedName,
        OwnTables.isOwn(token.text)
      {
        findings.append(
          finding(
            .ownTable, token,
            "\(token.text) belongs to Windlass; a migration may not name it. Use another name."))
        break
      }
      if token.kind == .parameter {
        findings.append(
          finding(
            .parameter, token,
            "\(token.text) is a parameter and would be NULL. Write the value itself."))
        break
      }
    }
    if findings.isEmpty, let finding = ledgerFinding(statement) { findings.append(finding) }
    return findings
  }

  private func headFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let head = statement[0]
    guard head.kind == .word else {
      return finding(
        .shellCommand, head,
        "\(head.text)\(statement.count > 1 ? statement[1].text : "") is a command of a shell and"
          + " not SQL. Remove the line.")
    }
    switch head.text.uppercased() {
    case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE":
      return finding(
        .transactionControl, head,
        "\(head.text.uppercased()) is transaction control. Windlass runs each file in one"
          + " transaction together with the ledger; remove the statement.")
    case "ATTACH", "DETACH":
      return finding(
        .attachment, head,
        "\(head.text.uppercased()) reaches outside the database. Move the data by the service"
          + " itself, or by a tool before the upgrade.")
    case "VACUUM":
      return finding(
        .vacuum, head,
        "VACUUM can't run in a transaction. Run it by hand in a quiet hour; no release needs it.")
    case "PRAGMA":
      return pragmaFinding(statement)
    case "ALTER", "ANALYZE", "CREATE", "DELETE", "DROP", "EXPLAIN", "INSERT", "REINDEX",
      "REPLACE", "SELECT", "UPDATE", "VALUES", "WITH":
      return nil
    default:
      return finding(
        .unknownStatement, head,
        "\(head.text) begins no statement that SQLite knows. Correct the file.")
    }
  }

  /// Pragmas that act inside the transaction and are undone with it, or only read.
  package static let harmlessPragmas: Set<String> = [
    "application_id", "defer_foreign_keys", "foreign_key_check", "foreign_key_list", "index_info",
    "index_list", "index_xinfo", "integrity_check", "legacy_alter_table", "quick_check",
    "table_info", "table_list", "table_xinfo", "user_version",
  ]

  private func pragmaFinding(_ statement: [SQLToken]) -> BodyFinding? {
    var rest = statement.dropFirst()
    if rest.count > 2, rest[rest.startIndex + 1].isSymbol(".") { rest = rest.dropFirst(2) }
    let name = rest.first?.text.lowercased() ?? ""
    guard !Self.harmlessPragmas.contains(name) else { return nil }
    let message =
      switch name {
      case "foreign_keys":
        "PRAGMA foreign_keys does nothing inside a transaction. Windlass runs each file with"
          + " foreign keys off and checks them before the commit; remove the line."
      case "journal_mode":
        "PRAGMA journal_mode changes the file for every server. Set it by hand before the upgrade:"
          + " `sqlite3 FILE 'PRAGMA journal_mode=wal'`."
      default:
        "PRAGMA \(name) can't be undone with the transaction or hides errors. Remove the line."
      }
    return finding(.pragma, statement[0], message)
  }

  private func ledgerFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let writers: Set<String> = ["INSERT", "UPDATE", "DELETE", "REPLACE", "DROP", "ALTER", "WITH"]
    guard writers.contains(statement[0].text.uppercased()),
      let token = statement.first(where: {
        $0.kind != .literal && $0.text.lowercased() == ledgerTable.lowercased()
      })
    else { return nil }
    return finding(
      .ledger, token,
      "\(token.text) is the ledger, which only the migration tool writes. Remove the statement.")
  }

  private func finding(
    _ kind: BodyFinding.Kind, _ token: SQLToken, _ message: String
  ) -> BodyFinding {
    BodyFinding(kind: kind, file: "", line: token.line, message: message)
  }
}
