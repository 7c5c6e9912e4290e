/// Finds what may not stand in a migration for MySQL or MariaDB, because it would break the order
/// of single statements in which a body runs, or reach outside the database.
package struct MySQLClassifier: Sendable {
  /// The name of the ledger's table, which bodies may read but not write.
  package var ledgerTable: String

  package init(ledgerTable: String = SQLiteLedger.defaultTable) {
    self.ledgerTable = ledgerTable
  }

  /// Everything in the body that is refused, in order of lines.
  package func findings(in body: String, file: String) -> [BodyFinding] {
    let statements: [MySQLStatement]
    do throws(SQLTokenError) {
      statements = try MySQLStatements.split(body)
    } catch {
      return [
        BodyFinding(
          kind: .unreadable, file: file, line: error.line,
          message: "\(error.reason). Correct the file.")
      ]
    }
    var findings = statements.flatMap { self.findings(in: $0.tokens) }
    for index in findings.indices { findings[index].file = file }
    return findings
  }

  private func findings(in statement: [SQLToken]) -> [BodyFinding] {
    let tests: [([SQLToken]) -> BodyFinding?] = [
      headFinding, ownFinding, clientFinding, dynamicFinding, fileFinding, otherDatabaseFinding,
    ]
    let findings = tests.compactMap { $0(statement) }
    return findings.isEmpty ? ledgerFinding(statement).map { [$0] } ?? [] : findings
  }

  // MARK: What begins a statement

  private func headFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let head = statement[0]
    guard head.kind == .word else {
      // A backslash begins a command of the client, which is told below.
      if head.isSymbol("(") || head.isSymbol("\\") { return nil }
      return unknown(head)
    }
    let second = statement.count > 1 ? statement[1] : head
    switch head.text.uppercased() {
    case "BEGIN" where second.isKeyword("NOT"): return nil
    case "START" where !second.isKeyword("TRANSACTION"):
      return serverChange(head, "START \(second.text.uppercased())")
    case "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA":
      return transactionControl(head)
    case "DELIMITER":
      return finding(
        .shellCommand, head,
        "DELIMITER is a command of the mysql client, which no server knows. Remove the line: the"
          + " body of a stored program is kept together without it.")
    case let word where Self.clientCommands.contains(word):
      return finding(
        .shellCommand, head,
        "\(head.text) is a command of the mysql client and not SQL. Remove the line.")
    case "USE":
      return finding(
        .otherDatabase, head,
        "USE leaves the database that is being migrated. Remove the statement; the database URL"
          + " names the database.")
    case "SET": return settingFinding(statement)
    case "CREATE", "ALTER", "DROP", "RENAME": return objectFinding(statement)
    case let word where Self.serverCommands.contains(word): return serverChange(head, word)
    case let word where Self.ordinary.contains(word): return nil
    default: return unknown(head)
    }
  }

  private static let clientCommands: Set<String> = [
    "CLEAR", "CONNECT", "EDIT", "EGO", "EXIT", "GO", "NOPAGER", "NOTEE", "NOWARNING", "PAGER",
    "PRINT", "PROMPT", "QUIT", "REHASH", "SOURCE", "STATUS", "SYSTEM", "TEE", "WARNINGS",
  ]

  private static let serverCommands: Set<String> = [
    "BACKUP", "BINLOG", "CACHE", "CHANGE", "CLONE", "FLUSH", "GRANT", "IMPORT", "INSTALL", "KILL",
    "LOCK", "PURGE", "RESET", "RESTART", "REVOKE", "SHUTDOWN", "STOP", "UNINSTALL", "UNLOCK",
  ]

  private static let ordinary: Set<String> = [
    "ANALYZE", "CALL", "CHECK", "CHECKSUM", "DELETE", "DESC", "DESCRIBE", "DO", "EXECUTE",
    "EXPLAIN", "DEALLOCATE", "INSERT", "LOAD", "OPTIMIZE", "PREPARE", "REPAIR", "REPLACE",
    "SELECT", "SHOW", "TABLE", "TRUNCATE", "UPDATE", "VALUES", "WITH",
  ]

  private func transactionControl(_ token: SQLToken) -> BodyFinding {
    finding(
      .transactionControl, token,
      "\(token.text.uppercased()) is transaction control. On this engine each statement stands for"
        + " itself and is recorded as it is done; remove the statement.")
  }

  private func serverChange(_ token: SQLToken, _ what: String) -> BodyFinding {
    finding(
      .serverChange, token,
      "\(what) acts on the whole server and not on this database. Do it by hand before the upgrade."
    )
  }

  private func unknown(_ token: SQLToken) -> BodyFinding {
    finding(
      .unknownStatement, token,
      "\(token.text) begins no statement that MySQL or MariaDB knows. Correct the file.")
  }

  /// Refuses objects that belong to the server.
  private func objectFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let names = [
      "DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE", "INSTANCE",
      "RESOURCE", "UNDO",
    ]
    let objects = [
      "TABLE", "TABLES", "VIEW", "INDEX", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE",
      "PACKAGE",
    ]
    for token in statement.dropFirst().prefix(24) where token.kind == .word {
      if names.contains(where: token.isKeyword) {
        return serverChange(
          statement[0], "\(statement[0].text.uppercased()) \(token.text.uppercased())")
      }
      guard objects.contains(where: token.isKeyword) else { continue }
      if token.isKeyword("FUNCTION"), statement.contains(where: { $0.isKeyword("SONAME") }) {
        return serverChange(statement[0], "CREATE FUNCTION … SONAME")
      }
      return nil
    }
    return unknown(statement[0])
  }

  // MARK: Settings

  /// Settings that Windlass itself has made for the session, or that change what a text means.
  private static let reserved: Set<String> = [
    "AUTOCOMMIT", "CHARACTER_SET_CLIENT", "GTID_NEXT", "INNODB_LOCK_WAIT_TIMEOUT",
    "LOCK_WAIT_TIMEOUT", "MAX_EXECUTION_TIME", "MAX_STATEMENT_TIME", "SQL_LOG_BIN", "SQL_MODE",
    "WAIT_TIMEOUT",
  ]

  private func settingFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let head = statement[0]
    let second = statement.count > 1 ? statement[1] : head
    for word in ["PASSWORD", "ROLE", "DEFAULT", "RESOURCE"] where second.isKeyword(word) {
      return serverChange(head, "SET \(word)")
    }
    if second.isKeyword("TRANSACTION") { return transactionControl(head) }
    if second.isKeyword("STATEMENT") {
      return finding(
        .sessionSetting, head,
        "SET STATEMENT hides the statement that it is for. Write that statement alone.")
    }
    for (index, token) in statement.enumerated().dropFirst() {
      let begins = statement[index - 1].isSymbol(",") || index == 1
      let name = token.text.uppercased()
      let isGlobal =
        (begins && ["GLOBAL", "PERSIST", "PERSIST_ONLY"].contains(name) && token.kind == .word)
        || (token.kind == .parameter
          && ["@@GLOBAL.", "@@PERSIST"].contains { name.hasPrefix($0) } && begins)
      if isGlobal { return serverChange(head, "SET GLOBAL") }
      let bare = name.split(whereSeparator: { $0 == "." || $0 == "@" }).last.map(String.init) ?? ""
      guard Self.reserved.contains(bare), token.kind != .literal,
        index + 1 < statement.count,
        statement[index + 1].isSymbol("=") || statement[index + 1].isSymbol(":")
      else { continue }
      return finding(
        .sessionSetting, token,
        "\(token.text) is set by Windlass, so that no statement waits or means something else than"
          + " planned. Remove the assignment.")
    }
    return nil
  }

  // MARK: Anywhere in a statement

  private func ownFinding(_ statement: [SQLToken]) -> BodyFinding? {
    guard
      let token = statement.first(where: {
        ($0.kind == .word || $0.kind == .quotedName) && OwnTables.isOwn($0.text)
      })
    else { return nil }
    return finding(
      .ownTable, token,
      "\(token.text) belongs to Windlass; a migration may not name it. Use another name.")
  }

  private func clientFinding(_ statement: [SQLToken]) -> BodyFinding? {
    for (index, token) in statement.enumerated() {
      if token.isSymbol("?") {
        return finding(
          .parameter, token, "? is a parameter without a value. Write the value itself.")
      }
      guard token.isSymbol("\\") else { continue }
      let next = index + 1 < statement.count ? statement[index + 1].text : ""
      if next == "N" { continue }  // `\N` is NULL.
      return finding(
        .shellCommand, token,
        "\\\(next.prefix(16)) is a command of the mysql client and not SQL. Remove it; a statement"
          + " ends in a semicolon.")
    }
    return nil
  }

  private func dynamicFinding(_ statement: [SQLToken]) -> BodyFinding? {
    for (index, token) in statement.enumerated() where token.kind == .word {
      let begins = index == 0 || statement[index - 1].isSymbol(";")
      let isDynamic =
        token.isKeyword("PREPARE") || token.isKeyword("EXECUTE") || token.isKeyword("DEALLOCATE")
      let isImmediate =
        token.isKeyword("IMMEDIATE")
        && statement[max(index - 1, 0)]
          .isKeyword("EXECUTE")
      guard isImmediate || (isDynamic && begins) else { continue }
      return finding(
        .dynamicSQL, token,
        "\(token.text.uppercased()) runs a text that is not known before. Write the statement"
          + " itself; IF EXISTS and IF NOT EXISTS say what conditions are usually for.")
    }
    return nil
  }

  private func fileFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let token = statement.enumerated().first { index, token in
      switch token.kind {
      case .word:
        return token.isKeyword("OUTFILE") || token.isKeyword("DUMPFILE")
          || token.isKeyword("LOAD_FILE") || (index == 0 && token.isKeyword("LOAD"))
      default: return false
      }
    }?.element
    guard let token else { return nil }
    return finding(
      .outsideFile, token,
      "\(token.text.uppercased()) reads or writes a file of the server. Let the service itself load"
        + " the rows, or write them as INSERT.")
  }

  private func otherDatabaseFinding(_ statement: [SQLToken]) -> BodyFinding? {
    guard let token = MySQLReferences.qualifiedName(in: statement) else { return nil }
    return finding(
      .otherDatabase, token,
      "\(token.text) seems to name a database. A migration names no database, since a rehearsal"
        + " runs it on a copy of another name; remove \"\(token.text).\".")
  }

  private func ledgerFinding(_ statement: [SQLToken]) -> BodyFinding? {
    let writers: Set<String> = [
      "INSERT", "UPDATE", "DELETE", "REPLACE", "DROP", "ALTER", "WITH", "TRUNCATE", "RENAME",
      "CREATE",
    ]
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
