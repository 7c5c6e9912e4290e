/// What a PostgreSQL statement does, as far as the rules for migrations ask.
///
/// PostgreSQL's own parser says it wherever it knows the statement; for a newer one, and for one
/// that is too long for it, the words that the statement consists of say it.
package struct PostgresFacts: Hashable, Sendable {
  /// Between what a `COPY` moves rows.
  enum Copy: Hashable, Sendable { case client, server }

  /// Whether the parser knew the statement.
  package var isParsed = false
  /// What it does to the transaction that it stands in; nil for all others, and for savepoints.
  var control: PostgresStatement.Control?
  /// Whether it begins another transaction where it ends one.
  var chains = false
  /// Whether it is `BEGIN` without a word on isolation or access.
  var opensPlainTransaction = false
  /// How it runs outside a transaction.
  package var action = PostgresScript.Action.transaction
  var copy: Copy?
  /// What it changes on the server rather than in the database.
  var serverChange: String?
  /// The setting that it changes, in lower case; `*` for all of them.
  var setting: String?
  /// Whether it takes settings back to what they were.
  var resets = false
  /// Whether it detaches a partition in two transactions of its own.
  var detachesConcurrently = false
  /// The tables whose rows or definition it changes.
  var written: Set<String> = []
  /// The program that it runs at once.
  var program: String?
}

extension PostgresFacts {
  /// The facts that the parser's tree holds; nil for anything but one statement.
  init?(_ tree: PostgresTree) {
    guard let node = tree.statement else { return nil }
    isParsed = true
    let kind = tree.entries[node].name
    readWrites(tree)
    switch kind {
    case "TransactionStmt": readControl(tree, node)
    case "CopyStmt":
      let isServer = tree.child("filename", of: node) != nil || tree.isTrue("is_program", of: node)
      copy = isServer ? .server : .client
    case "VariableSetStmt": readSetting(tree, node)
    case "DiscardStmt": resets = true
    case "DoStmt":
      let definitions = tree.all("DefElem", below: node)
      let body = definitions.first { tree.text("defname", of: $0) == "as" }
      program = body.flatMap { tree.strings(in: $0).first }
    case "IndexStmt", "DropStmt", "ReindexStmt", "VacuumStmt", "ClusterStmt":
      readAction(tree, node, kind)
    case "AlterTableStmt":
      detachesConcurrently = tree.all("PartitionCmd", below: node)
        .contains { tree.isTrue("concurrent", of: $0) }
    default: serverChange = Self.serverChange(tree, node, kind)
    }
  }

  private mutating func readControl(_ tree: PostgresTree, _ node: Int) {
    chains = tree.isTrue("chain", of: node)
    switch tree.text("kind", of: node) {
    case "TRANS_STMT_BEGIN", "TRANS_STMT_START":
      control = .begin
      opensPlainTransaction = tree.child("options", of: node) == nil
    case "TRANS_STMT_COMMIT": control = .commit
    case "TRANS_STMT_ROLLBACK": control = .rollback
    case "TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO": control = nil
    default: control = .twoPhase
    }
  }

  private mutating func readSetting(_ tree: PostgresTree, _ node: Int) {
    switch tree.text("kind", of: node) {
    case "VAR_RESET", "VAR_RESET_ALL": resets = true
    case "VAR_SET_MULTI":
      setting = tree.text("name", of: node)?.hasPrefix("SESSION") == true ? "session" : nil
    default: setting = tree.text("name", of: node)?.lowercased() ?? "*"
    }
  }

  private mutating func readAction(_ tree: PostgresTree, _ node: Int, _ kind: String) {
    switch kind {
    case "IndexStmt" where tree.isTrue("concurrent", of: node):
      let table = tree.child("relation", of: node)
      let parts = ["schemaname", "relname"].compactMap { name in
        table.flatMap { tree.text(name, of: $0) }
      }
      action = .concurrent(
        .createIndex(
          name: tree.text("idxname", of: node) ?? "",
          table: parts.map(\.quotedName).joined(separator: "."),
          mayExist: tree.isTrue("if_not_exists", of: node)))
    case "DropStmt" where tree.isTrue("concurrent", of: node):
      let first = tree.child("objects", of: node).flatMap { tree.children(of: $0).first }
      let parts = first.map(tree.strings) ?? []
      action = .concurrent(
        .dropIndex(
          schema: parts.count > 1 ? parts[parts.count - 2] : nil, name: parts.last ?? ""))
    case "ReindexStmt":
      let isConcurrent = tree.all("DefElem", below: node)
        .contains { tree.text("defname", of: $0) == "concurrently" }
      let isWide = ["REINDEX_OBJECT_DATABASE", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_SCHEMA"]
        .contains(tree.text("kind", of: node))
      action = isConcurrent ? .concurrent(.reindex) : isWide ? .maintenance : .transaction
    case "VacuumStmt" where tree.isTrue("is_vacuumcmd", of: node): action = .maintenance
    case "ClusterStmt" where tree.child("relation", of: node) == nil: action = .maintenance
    default: action = .transaction
    }
  }

  /// What a statement of that kind changes on the server.
  private static func serverChange(
    _ tree: PostgresTree, _ node: Int, _ kind: String
  ) -> String? {
    switch kind {
    case "CreatedbStmt": return "CREATE DATABASE"
    case "DropdbStmt": return "DROP DATABASE"
    case "AlterDatabaseStmt", "AlterDatabaseSetStmt", "AlterDatabaseRefreshCollStmt":
      return "ALTER DATABASE"
    case "CreateTableSpaceStmt": return "CREATE TABLESPACE"
    case "DropTableSpaceStmt": return "DROP TABLESPACE"
    case "AlterTableSpaceOptionsStmt": return "ALTER TABLESPACE"
    case "AlterSystemStmt": return "ALTER SYSTEM"
    case "CreateSubscriptionStmt": return "CREATE SUBSCRIPTION"
    case "AlterSubscriptionStmt": return "ALTER SUBSCRIPTION"
    case "DropSubscriptionStmt": return "DROP SUBSCRIPTION"
    case "LoadStmt": return "LOAD"
    case "RenameStmt", "AlterOwnerStmt":
      let object = tree.text(kind == "RenameStmt" ? "renameType" : "objectType", of: node)
      return ["DATABASE", "TABLESPACE", "SUBSCRIPTION"].first { object == "OBJECT_\($0)" }
        .map { "ALTER \($0)" }
    default: return nil
    }
  }

  /// Nodes that change the table that their member `relation` names.
  private static let writers: Set<String> = [
    "AlterObjectSchemaStmt", "AlterOwnerStmt", "AlterTableStmt", "CreateTrigStmt", "DeleteStmt",
    "InsertStmt", "MergeStmt", "RenameStmt", "RuleStmt", "UpdateStmt",
  ]

  private mutating func readWrites(_ tree: PostgresTree) {
    for (place, entry) in tree.entries.enumerated() where entry.value == nil {
      if Self.writers.contains(entry.name) {
        let table = tree.child("relation", of: place)
        if let name = table.flatMap({ tree.text("relname", of: $0) }) { written.insert(name) }
      } else if entry.name == "TruncateStmt" {
        for table in tree.all("RangeVar", below: place) {
          if let name = tree.text("relname", of: table) { written.insert(name) }
        }
      } else if entry.name == "DropStmt" {
        written.formUnion(tree.strings(in: place))
      }
    }
  }
}
