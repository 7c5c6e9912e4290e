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
  /// The steps, for a text that can't run in one transaction.
  package var steps: [Step]

  /// Reads a text.
  package init(_ text: String) throws(SQLTokenError) {
    statements = try PostgresStatement.split(text)
    var blank = statements[...]
    // The usual frame of a file says only what happens anyway.
    if let first = blank.first, let last = blank.last, first.opensPlainTransaction,
      last.control == .commit, blank.count > 1
    {
      blank = blank.dropFirst().dropLast()
    }
    let isAtomic = blank.allSatisfy { $0.action == .transaction && $0.control == nil }
    let removed = statements.filter { statement in
      !blank.contains { $0.range == statement.range }
    }
    atomicText = isAtomic ? Self.blanking(removed.map(\.range), in: text) : nil
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
      case .commit, .rollback:
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
  enum Control: Hashable, Sendable { case begin, commit, rollback }

  /// What the statement does to the transaction; nil for all others, and for savepoints.
  var control: Control? {
    switch tokens[0].kind == .word ? tokens[0].text.uppercased() : "" {
    case "BEGIN": .begin
    case "START": begins(with: "START", "TRANSACTION") ? .begin : nil
    case "COMMIT", "END": .commit
    case "ABORT": .rollback
    case "ROLLBACK": tokens.contains { $0.isKeyword("TO") } ? nil : .rollback
    default: nil
    }
  }

  /// Whether it is `BEGIN` without a word on isolation or access.
  fileprivate var opensPlainTransaction: Bool {
    control == .begin
      && tokens.dropFirst().allSatisfy { $0.isKeyword("TRANSACTION") || $0.isKeyword("WORK") }
  }

  /// How the statement runs outside a transaction.
  var action: PostgresScript.Action {
    if let concurrent { return .concurrent(concurrent) }
    if begins(with: "VACUUM") { return .maintenance }
    if begins(with: "CLUSTER"), tokens.count == 1 { return .maintenance }
    if begins(with: "REINDEX"),
      tokens.dropFirst().contains(where: {
        $0.isKeyword("DATABASE") || $0.isKeyword("SYSTEM") || $0.isKeyword("SCHEMA")
      })
    {
      return .maintenance
    }
    return .transaction
  }

  private var concurrent: PostgresConcurrent? {
    guard let place = tokens.firstIndex(where: { $0.isKeyword("CONCURRENTLY") }) else {
      return nil
    }
    if begins(with: "REINDEX") { return .reindex }
    if begins(with: "DROP", "INDEX") { return droppedIndex(after: place) }
    guard begins(with: "CREATE", "INDEX") || begins(with: "CREATE", "UNIQUE", "INDEX"), place <= 3
    else { return nil }
    var rest = tokens[(place + 1)...]
    let mayExist = rest.first?.isKeyword("IF") == true
    if mayExist { rest = rest.dropFirst(3) }
    let name = rest.first.flatMap { $0.isKeyword("ON") ? nil : Self.folded($0) } ?? ""
    return .createIndex(name: name, table: Self.table(in: rest), mayExist: mayExist)
  }

  /// The table behind the first `ON`, each part in quotes.
  private static func table(in tokens: ArraySlice<SQLToken>) -> String {
    guard let on = tokens.firstIndex(where: { $0.isKeyword("ON") }) else { return "" }
    var rest = tokens[(on + 1)...]
    if rest.first?.isKeyword("ONLY") == true { rest = rest.dropFirst() }
    guard let first = rest.first else { return "" }
    let parts =
      rest.count > 2 && rest[rest.startIndex + 1].isSymbol(".")
      ? [first, rest[rest.startIndex + 2]] : [first]
    return parts.map { folded($0).quotedName }.joined(separator: ".")
  }

  private func droppedIndex(after place: Int) -> PostgresConcurrent {
    var rest = tokens[(place + 1)...]
    if rest.first?.isKeyword("IF") == true { rest = rest.dropFirst(2) }
    let names = rest.prefix { $0.kind == .word || $0.kind == .quotedName || $0.isSymbol(".") }
      .filter { !$0.isSymbol(".") && !$0.isKeyword("CASCADE") && !$0.isKeyword("RESTRICT") }
      .map(Self.folded)
    return names.count > 1
      ? .dropIndex(schema: names[0], name: names[1])
      : .dropIndex(schema: nil, name: names.first ?? "")
  }

  private static func folded(_ token: SQLToken) -> String {
    token.kind == .word ? token.text.lowercased() : token.text
  }
}
