/// Facts read off a statement's words, for statements that the parser does not know.
extension PostgresFacts {
  /// The facts that the tokens tell; where they leave a doubt, the worse.
  init(_ tokens: [SQLToken]) {
    let head = tokens[0].kind == .word ? tokens[0].text.uppercased() : ""
    readControl(head, tokens)
    readSetting(head, tokens)
    action = Self.action(head, tokens)
    serverChange = Self.serverChange(head, tokens)
    detachesConcurrently =
      tokens.contains { $0.isKeyword("DETACH") } && tokens.contains { $0.isKeyword("CONCURRENTLY") }
    if head == "COPY" {
      let usesClient = tokens.contains { $0.isKeyword("STDIN") || $0.isKeyword("STDOUT") }
      copy = usesClient ? .client : .server
    }
    if Self.writers.contains(head) {
      written = Set(tokens.filter { $0.kind == .word || $0.kind == .quotedName }.map(Self.folded))
    }
  }

  private static let writers: Set<String> = [
    "ALTER", "CREATE", "DELETE", "DROP", "EXPLAIN", "INSERT", "MERGE", "TRUNCATE", "UPDATE", "WITH",
  ]

  private mutating func readControl(_ head: String, _ tokens: [SQLToken]) {
    let second = tokens.count > 1 ? tokens[1] : tokens[0]
    switch head {
    case "BEGIN": control = .begin
    case "START": control = second.isKeyword("TRANSACTION") ? .begin : nil
    case "PREPARE": control = second.isKeyword("TRANSACTION") ? .twoPhase : nil
    case "COMMIT" where second.isKeyword("PREPARED"): control = .twoPhase
    case "ROLLBACK" where second.isKeyword("PREPARED"): control = .twoPhase
    case "COMMIT", "END": control = .commit
    case "ABORT": control = .rollback
    case "ROLLBACK": control = tokens.contains { $0.isKeyword("TO") } ? nil : .rollback
    default: control = nil
    }
    chains = control != nil && tokens.contains { $0.isKeyword("CHAIN") }
    opensPlainTransaction =
      control == .begin
      && tokens.dropFirst().allSatisfy { $0.isKeyword("TRANSACTION") || $0.isKeyword("WORK") }
  }

  private mutating func readSetting(_ head: String, _ tokens: [SQLToken]) {
    resets = head == "RESET" || head == "DISCARD"
    guard head == "SET" else { return }
    var rest = tokens.dropFirst()
    if rest.first?.isKeyword("LOCAL") == true { rest = rest.dropFirst() }
    if rest.first?.isKeyword("SESSION") == true, rest.count > 1,
      !rest[rest.startIndex + 1].isKeyword("AUTHORIZATION"),
      !rest[rest.startIndex + 1].isKeyword("CHARACTERISTICS")
    {
      rest = rest.dropFirst()
    }
    setting = rest.first?.text.lowercased() ?? "*"
  }

  private static func serverChange(_ head: String, _ tokens: [SQLToken]) -> String? {
    if head == "LOAD" { return head }
    let reaching = ["DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION"]
    guard ["CREATE", "DROP", "ALTER"].contains(head), tokens.count > 1,
      let word = reaching.first(where: tokens[1].isKeyword)
    else { return nil }
    return "\(head) \(word)"
  }

  private static func action(_ head: String, _ tokens: [SQLToken]) -> PostgresScript.Action {
    if let concurrent = concurrent(head, tokens) { return .concurrent(concurrent) }
    switch head {
    case "VACUUM": return .maintenance
    case "CLUSTER": return tokens.count == 1 ? .maintenance : .transaction
    case "REINDEX":
      let isWide = tokens.contains {
        $0.isKeyword("DATABASE") || $0.isKeyword("SYSTEM") || $0.isKeyword("SCHEMA")
      }
      return isWide ? .maintenance : .transaction
    default: return .transaction
    }
  }

  private static func concurrent(_ head: String, _ tokens: [SQLToken]) -> PostgresConcurrent? {
    guard let place = tokens.firstIndex(where: { $0.isKeyword("CONCURRENTLY") }) else {
      return nil
    }
    if head == "REINDEX" { return .reindex }
    if head == "DROP", tokens[1].isKeyword("INDEX") { return droppedIndex(tokens, after: place) }
    guard head == "CREATE", tokens[..<place].contains(where: { $0.isKeyword("INDEX") }), place <= 3
    else { return nil }
    var rest = tokens[(place + 1)...]
    let mayExist = rest.first?.isKeyword("IF") == true
    if mayExist { rest = rest.dropFirst(3) }
    let name = rest.first.flatMap { $0.isKeyword("ON") ? nil : folded($0) } ?? ""
    return .createIndex(name: name, table: table(in: rest), mayExist: mayExist)
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

  private static func droppedIndex(
    _ tokens: [SQLToken], after place: Int
  ) -> PostgresConcurrent {
    var rest = tokens[(place + 1)...]
    if rest.first?.isKeyword("IF") == true { rest = rest.dropFirst(2) }
    let names = rest.prefix { $0.kind == .word || $0.kind == .quotedName || $0.isSymbol(".") }
      .filter { !$0.isSymbol(".") && !$0.isKeyword("CASCADE") && !$0.isKeyword("RESTRICT") }
      .map(folded)
    return names.count > 1
      ? .dropIndex(schema: names[0], name: names[1])
      : .dropIndex(schema: nil, name: names.first ?? "")
  }

  /// A name as the server folds it.
  static func folded(_ token: SQLToken) -> String {
    token.kind == .word ? token.text.lowercased() : token.text
  }
}
