/// A migration's text on PostgreSQL, cut into what runs in one transaction each.
package struct PostgresScript: Hashable, Sendable {
  /// One part that takes effect as a whole or not at all.
  package struct Step: Hashable, Sendable {
    package var action: Action
    /// What goes to the server; empty lines stand before it, so that the server counts the file's
    /// own.
    package var text: String
    /// The line that it begins on, from 1.
    package var line: Int
    package var statements: [PostgresStatement]
  }

  /// How a step runs.
  package enum Action: Hashable, Sendable {
    /// In a transaction, with the mark that it is done.
    case transaction
    /// By itself, waiting for all older transactions, outside any transaction.
    case concurrent(PostgresConcurrent)
    /// By itself, outside any transaction; harmless to repeat.
    case maintenance
  }

  package var statements: [PostgresStatement]
  /// The whole text without its outermost `BEGIN` and `COMMIT`, when all of it runs in one
  /// transaction; nil when it can't.
  package var atomicText: String?
  /// The statements of `atomicText`; empty when there is none.
  package var atomicStatements: [PostgresStatement]
  /// The steps, for a text that can't run in one transaction.
  package var steps: [Step]

  /// Reads a text.
  package init(
    _ text: String, _ dialect: PostgresDialect = .postgres
  ) throws(SQLTokenError) {
    statements = try PostgresStatement.split(text, dialect)
    var blank = statements[...]
    // The usual frame of a file says only what happens anyway.
    if let first = blank.first, let last = blank.last, first.facts.opensPlainTransaction,
      last.control == .commit, blank.count > 1
    {
      blank = blank.dropFirst().dropLast()
    }
    let isAtomic = blank.allSatisfy { $0.action == .transaction && $0.control == nil }
    let removed = statements.filter { statement in
      !blank.contains { $0.range == statement.range }
    }
    atomicText = isAtomic ? Self.blanking(removed.map(\.range), in: text) : nil
    atomicStatements = isAtomic ? Array(blank) : []
    steps = isAtomic ? [] : Self.steps(of: statements)
  }

  private static func blanking(_ ranges: [Range<Int>], in text: String) -> String {
    var bytes = Array(text.utf8)
    for range in ranges {
      for index in range where bytes[index] != UInt8(ascii: "\n") {
        bytes[index] = UInt8(ascii: " ")
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func steps(of statements: [PostgresStatement]) -> [Step] {
    var steps: [Step] = []
    var block: [PostgresStatement] = []
    var isInBlock = false
    for statement in statements {
      switch statement.control {
      case .begin: isInBlock = true
      case .commit, .rollback, .twoPhase:
        if !block.isEmpty { steps.append(Step(.transaction, block)) }
        (block, isInBlock) = ([], false)
      case nil:
        if isInBlock {
          block.append(statement)
        } else {
          steps.append(Step(statement.action, [statement]))
        }
      }
    }
    if !block.isEmpty { steps.append(Step(.transaction, block)) }
    return steps
  }
}

extension PostgresScript.Step {
  fileprivate init(_ action: PostgresScript.Action, _ statements: [PostgresStatement]) {
    self.action = action
    self.statements = statements
    line = statements.first?.line ?? 1
    var text = ""
    var written = 1
    for statement in statements {
      text += String(repeating: "\n", count: max(0, statement.line - written))
      text += statement.text + (statements.count > 1 ? ";" : "")
      written = max(written, statement.line) + statement.text.utf8.count { $0 == 0x0A }
    }
    self.text = text
  }
}

/// A statement that works beside the service's writers and waits for every older transaction.
package enum PostgresConcurrent: Hashable, Sendable {
  /// Makes the index of that name on the table, which is written as a statement would name it.
  case createIndex(name: String, table: String, mayExist: Bool)
  /// Drops the index of that name, in that schema or in the search path's.
  case dropIndex(schema: String?, name: String)
  case reindex
}

extension PostgresStatement {
  /// What a statement does to the transaction that it stands in.
  enum Control: Hashable, Sendable {
    case begin, commit, rollback
    /// Hands the transaction to whoever ends it later, or ends one of another session.
    case twoPhase
  }

  /// What the statement does to the transaction; nil for all others, and for savepoints.
  var control: Control? { facts.control }

  /// How the statement runs outside a transaction.
  var action: PostgresScript.Action { facts.action }
}
