/// Finds what may not stand in a CockroachDB migration, because it would promise what the server
/// does not keep, take the session's limits away, or reach outside the database.
package struct CockroachClassifier: Sendable {
  /// The name of the ledger's table, which bodies may read but not write.
  package var ledgerTable: String
  /// The name of the table in which golang-migrate locks.
  package var lockTable: String

  package init(
    ledgerTable: String = PostgresLedgerName.defaultTable, lockTable: String = "schema_lock"
  ) {
    self.ledgerTable = ledgerTable
    self.lockTable = lockTable
  }

  /// Everything in the body that is refused, in order of lines.
  package func findings(in body: String, file: String) -> [BodyFinding] {
    let statements: [PostgresStatement]
    do throws(SQLTokenError) {
      statements = try PostgresStatement.split(body, .cockroachdb)
    } catch {
      return [
        BodyFinding(
          kind: .unreadable, file: file, line: error.line,
          message: "\(error.reason). Correct the file.")
      ]
    }
    var findings = statements.compactMap { self.finding(in: $0) } + blockFindings(in: statements)
    for index in findings.indices { findings[index].file = file }
    return findings.sorted { $0.line < $1.line }
  }

  private func finding(in statement: PostgresStatement) -> BodyFinding? {
    if let token = statement.tokens.first(where: { $0.isSymbol("\\") }) {
      return found(
        .shellCommand, token, "`\\` begins a command of the shell and is not SQL. Remove the line.")
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
    return outsideFinding(statement) ?? settingFinding(statement) ?? ledgerFinding(statement)
      ?? databaseFinding(statement)
  }

  /// Statements that move data in or out, begin jobs that go on afterwards, or change the cluster.
  private static let outside: [(words: [String], what: String)] = [
    (["COPY"], "moves rows between server and client"), (["IMPORT"], "reads files"),
    (["EXPORT"], "writes files"), (["BACKUP"], "writes a backup"),
    (["RESTORE"], "reads a backup"), (["USE"], "leaves the database"),
    (["CREATE", "CHANGEFEED"], "sends rows elsewhere"),
    (["CREATE", "EXTERNAL"], "makes a connection to elsewhere"),
    (["EXPERIMENTAL", "CHANGEFEED"], "sends rows elsewhere"),
    (["CREATE", "SCHEDULE"], "begins work that goes on"),
    (["CANCEL"], "ends others' work"), (["PAUSE"], "stops others' work"),
    (["RESUME"], "goes on with others' work"),
  ]

  private func outsideFinding(_ statement: PostgresStatement) -> BodyFinding? {
    let head = statement.tokens[0]
    if let match = Self.outside.first(where: { begins(statement, $0.words) }) {
      return found(
        .outsideFile, head,
        "\(match.words.joined(separator: " ")) \(match.what), which no migration can undo. Do it by"
          + " hand before the upgrade.")
    }
    let reaching = [
      "DATABASE", "TENANT", "VIRTUAL", "ROLE", "USER", "RANGE", "BACKUP", "CHANGEFEED", "EXTERNAL",
    ]
    guard ["CREATE", "DROP", "ALTER"].contains(where: { statement.begins(with: $0) }),
      statement.tokens.count > 1, let word = reaching.first(where: statement.tokens[1].isKeyword)
    else { return nil }
    return found(
      .serverChange, head,
      "\(head.text.uppercased()) \(word) reaches outside the database and can't be undone with the"
        + " migration. Do it by hand before the upgrade.")
  }

  private func begins(_ statement: PostgresStatement, _ words: [String]) -> Bool {
    statement.tokens.count >= words.count
      && zip(statement.tokens, words).allSatisfy { $0.isKeyword($1) }
  }

  private func settingFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard ["SET", "RESET", "DISCARD"].contains(where: { statement.begins(with: $0) }) else {
      return nil
    }
    let name = statement.tokens.dropFirst().first {
      !$0.isKeyword("LOCAL") && !$0.isKeyword("SESSION")
    }
    let allowed = ["search_path", "enable_experimental_alter_column_type_general"]
    if statement.begins(with: "SET"), let name, allowed.contains(name.text.lowercased()) {
      return nil
    }
    return found(
      .sessionSetting, statement.tokens[0],
      "\(statement.tokens[0].text.uppercased()) \(name?.text ?? "") changes under which settings"
        + " the statements run, and each may run in a session of its own after a crash. Remove the"
        + " line."
    )
  }

  private static let writers: Set<String> = [
    "INSERT", "UPSERT", "UPDATE", "DELETE", "DROP", "ALTER", "TRUNCATE", "WITH",
  ]

  private func ledgerFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard Self.writers.contains(statement.tokens[0].text.uppercased()),
      let token = statement.tokens.first(where: { token in
        (token.kind == .word || token.kind == .quotedName)
          && [ledgerTable, lockTable].contains { $0.lowercased() == token.text.lowercased() }
      })
    else { return nil }
    return found(
      .ledger, token,
      "\(token.text) is the ledger or its lock, which only the migration tool writes. Remove the"
        + " statement.")
  }

  private func databaseFinding(_ statement: PostgresStatement) -> BodyFinding? {
    guard let name = statement.qualifiedNames.first(where: { $0.count > 2 }) else { return nil }
    return found(
      .otherDatabase, statement.tokens[0],
      "\(name.joined(separator: ".")) names its database, so that on a copy it would change the"
        + " real one. Write \(name.suffix(2).joined(separator: ".")).")
  }

  /// `BEGIN` and `COMMIT` must come in pairs and hold changes of rows alone.
  private func blockFindings(in statements: [PostgresStatement]) -> [BodyFinding] {
    var findings: [BodyFinding] = []
    var opening: PostgresStatement?
    var block: [PostgresStatement] = []
    func control(_ statement: PostgresStatement, _ message: String) {
      findings.append(found(.transactionControl, statement.tokens[0], message))
    }
    for statement in statements {
      switch statement.control {
      case .begin:
        if opening != nil { control(statement, "BEGIN stands inside a transaction.") }
        (opening, block) = (statement, [])
      case .commit:
        if opening == nil {
          control(statement, "This COMMIT ends no BEGIN of the file. Remove it.")
        }
        if block.count > 1, let mixed = block.first(where: { $0.cockroachKind == .definition }) {
          control(mixed, Self.mixed)
        }
        (opening, block) = (nil, [])
      case .rollback:
        control(
          statement,
          "ROLLBACK takes back what the ledger would call applied. Remove the statements.")
        (opening, block) = (nil, [])
      case .twoPhase:
        control(statement, "CockroachDB has no transactions in two phases. Remove the statement.")
        (opening, block) = (nil, [])
      case nil:
        block.append(statement)
        if ["SAVEPOINT", "RELEASE", "ROLLBACK"].contains(where: { statement.begins(with: $0) }) {
          control(statement, "Savepoints belong to Windlass's own retries. Remove the line.")
        }
      }
    }
    if let opening {
      control(opening, "This BEGIN has no COMMIT. Remove it; statements run one by one anyway.")
    }
    return findings
  }

  private static let mixed = """
    CockroachDB keeps a transaction with this in it together on no version: it may commit and \
    still fail (XXA00), and from 25.1 on commits before each definition. Leave BEGIN and COMMIT \
    away, so that the statements run one by one; what must stay together, write as one ALTER TABLE \
    with commas.
    """

  private func found(
    _ kind: BodyFinding.Kind, _ token: SQLToken, _ message: String
  ) -> BodyFinding {
    BodyFinding(kind: kind, file: "", line: token.line, message: message)
  }
}
