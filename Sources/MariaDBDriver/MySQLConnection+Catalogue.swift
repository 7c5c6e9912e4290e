import WindlassCore
import WindlassSchema

extension MySQLConnection {
  /// Reads the service's catalogue: everything but the ledger and Windlass's tables.
  ///
  /// What servers spell in different ways is spelled in one, so that copies on another server
  /// compare.
  ///
  /// - Parameter countsRows: whether each table's rows are counted, which reads all of it.
  func catalogue(ledger: MySQLLedger, countsRows: Bool) throws(StepFailure) -> Catalogue {
    let reader = CatalogueReader(connection: self, ledger: ledger)
    return try reader.read(countsRows: countsRows)
  }
}

/// One reading of a catalogue.
private struct CatalogueReader {
  let connection: MySQLConnection
  let ledger: MySQLLedger

  func read(countsRows: Bool) throws(StepFailure) -> Catalogue {
    let columns = try columns()
    let indexes = try indexes()
    let keys = try foreignKeys()
    let checks = try checks()
    let partitions = try partitions()
    var tables: [CatalogueTable] = []
    var objects: [CatalogueObject] = []
    for row in try connection.rows(
      """
      SELECT TABLE_NAME, TABLE_TYPE, ENGINE, ROW_FORMAT, TABLE_COLLATION, CREATE_OPTIONS
      FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME
      """)
    {
      let name = row.text("TABLE_NAME")
      guard ledger.isService(name) else { continue }
      switch row.text("TABLE_TYPE") {
      case "BASE TABLE":
        let collation = row.text("TABLE_COLLATION")
        tables.append(
          CatalogueTable(
            name: name,
            columns: columns[name, default: []].map { $0.column(in: collation) },
            indexes: indexes[name, default: []], foreignKeys: keys[name, default: []],
            checks: checks[name, default: []].sorted(),
            options: [
              "ENGINE=\(row.text("ENGINE"))", "ROW_FORMAT=\(row.text("ROW_FORMAT"))",
              "COLLATE=\(collation)",
            ] + partitions[name, default: []], rows: countsRows ? try count(name) : 0))
      case "SEQUENCE":
        objects.append(
          CatalogueObject(kind: "sequence", name: name, definition: row.text("ENGINE")))
      default: break
      }
    }
    objects += try views() + triggers() + routines() + events()
    return Catalogue(
      tables: tables.sorted { $0.name < $1.name },
      objects: objects.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) })
  }

  private func count(_ table: String) throws(StepFailure) -> Int64 {
    try connection.run(
      "SELECT COUNT(*) FROM \(MySQLText.quoted(table))", within: Bounds.onlineStatementDeadline
    ).rows.first?.values.first?.integer ?? 0
  }

  // MARK: Tables

  private func columns() throws(StepFailure) -> [String: [MySQLColumn]] {
    let rows = try connection.rows(
      """
      SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()
      ORDER BY TABLE_NAME, ORDINAL_POSITION
      """)
    let keys = try connection.rows(
      """
      SELECT TABLE_NAME, COLUMN_NAME, SEQ_IN_INDEX FROM information_schema.STATISTICS
      WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'PRIMARY'
      """)
    var places: [String: Int] = [:]
    for key in keys {
      places["\(key.text("TABLE_NAME")).\(key.text("COLUMN_NAME"))"] = Int(
        key["SEQ_IN_INDEX"].integer ?? 0)
    }
    var columns: [String: [MySQLColumn]] = [:]
    for row in rows {
      let table = row.text("TABLE_NAME")
      let place = places["\(table).\(row.text("COLUMN_NAME"))", default: 0]
      columns[table, default: []].append(
        MySQLColumn(row, keyPosition: place, isMariaDB: connection.server.isMariaDB))
    }
    return columns
  }

  private func indexes() throws(StepFailure) -> [String: [CatalogueIndex]] {
    let rows = try connection.rows(
      """
      SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()
      ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX
      """)
    var indexes: [String: [CatalogueIndex]] = [:]
    for row in rows {
      let (table, name) = (row.text("TABLE_NAME"), row.text("INDEX_NAME"))
      var part = row["COLUMN_NAME"].text ?? "(\(row.text("EXPRESSION")))"
      if let length = row["SUB_PART"].integer { part += "(\(length))" }
      if row.text("COLLATION") == "D" { part += " DESC" }
      let kind = row.text("INDEX_TYPE")
      if kind != "BTREE" { part += " \(kind)" }
      if row.text("IS_VISIBLE") == "NO" || row.text("IGNORED") == "YES" { part += " INVISIBLE" }
      if indexes[table]?.last?.name == name, let count = indexes[table]?.count {
        indexes[table]?[count - 1].columns.append(part)
      } else {
        indexes[table, default: []].append(
          CatalogueIndex(
            name: name, isUnique: row["NON_UNIQUE"] == .integer(0), columns: [part]))
      }
    }
    return indexes
  }

  private func foreignKeys() throws(StepFailure) -> [String: [CatalogueForeignKey]] {
    let rules = try connection.rows(
      """
      SELECT TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE
      FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()
      """)
    guard !rules.isEmpty else { return [:] }
    let actions = Dictionary(
      rules.map {
        ("\($0.text("TABLE_NAME")).\($0.text("CONSTRAINT_NAME"))", $0)
      }, uniquingKeysWith: { first, _ in first })
    let rows = try connection.rows(
      """
      SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME,
        REFERENCED_COLUMN_NAME
      FROM information_schema.KEY_COLUMN_USAGE
      WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL
      ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION
      """)
    var keys: [String: CatalogueForeignKey] = [:]
    var names: [String: [String]] = [:]
    for row in rows {
      let table = row.text("TABLE_NAME")
      let name = "\(table).\(row.text("CONSTRAINT_NAME"))"
      if keys[name] == nil {
        names[table, default: []].append(name)
        keys[name] = CatalogueForeignKey(
          columns: [], parent: row.text("REFERENCED_TABLE_NAME"), parentColumns: [],
          onUpdate: action(actions[name]?.text("UPDATE_RULE")),
          onDelete: action(actions[name]?.text("DELETE_RULE")))
      }
      keys[name]?.columns.append(row.text("COLUMN_NAME"))
      keys[name]?.parentColumns.append(row.text("REFERENCED_COLUMN_NAME"))
    }
    return names.mapValues { names in
      names.compactMap { keys[$0] }.sorted {
        ($0.columns.joined(separator: ","), $0.parent)
          < ($1.columns.joined(separator: ","), $1.parent)
      }
    }
  }

  /// RESTRICT and NO ACTION are the same here, and servers name either.
  private func action(_ rule: String?) -> String {
    rule == nil || rule == "NO ACTION" ? "RESTRICT" : rule ?? "RESTRICT"
  }

  private func checks() throws(StepFailure) -> [String: [String]] {
    let isMariaDB = connection.server.isMariaDB
    guard isMariaDB || connection.server.isAtLeast(8, 0) else { return [:] }
    let rows = try connection.rows(
      isMariaDB
        ? """
        SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
        WHERE CONSTRAINT_SCHEMA = DATABASE()
        """
        : """
        SELECT t.TABLE_NAME AS TABLE_NAME, c.CHECK_CLAUSE AS CHECK_CLAUSE
        FROM information_schema.CHECK_CONSTRAINTS c
        JOIN information_schema.TABLE_CONSTRAINTS t
          ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
        WHERE c.CONSTRAINT_SCHEMA = DATABASE()
        """)
    var checks: [String: [String]] = [:]
    for row in rows {
      checks[row.text("TABLE_NAME"), default: []].append(row.text("CHECK_CLAUSE"))
    }
    return checks
  }

  private func partitions() throws(StepFailure) -> [String: [String]] {
    let rows = try connection.rows(
      """
      SELECT TABLE_NAME, PARTITION_NAME, PARTITION_METHOD, PARTITION_EXPRESSION,
        PARTITION_DESCRIPTION
      FROM information_schema.PARTITIONS
      WHERE TABLE_SCHEMA = DATABASE() AND PARTITION_NAME IS NOT NULL
      ORDER BY TABLE_NAME, PARTITION_ORDINAL_POSITION
      """)
    var partitions: [String: [String]] = [:]
    for row in rows {
      partitions[row.text("TABLE_NAME"), default: []].append(
        "PARTITION \(row.text("PARTITION_NAME")) \(row.text("PARTITION_METHOD"))"
          + " (\(row.text("PARTITION_EXPRESSION"))) \(row.text("PARTITION_DESCRIPTION"))")
    }
    return partitions
  }

  // MARK: Objects

  private func views() throws(StepFailure) -> [CatalogueObject] {
    try connection.rows(
      """
      SELECT TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, SECURITY_TYPE
      FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
      """
    ).map { row in
      CatalogueObject(
        kind: "view", name: row.text("TABLE_NAME"),
        definition: unqualified(row.text("VIEW_DEFINITION"))
          + " [\(row.text("CHECK_OPTION")), \(row.text("SECURITY_TYPE"))]")
    }
  }

  private func triggers() throws(StepFailure) -> [CatalogueObject] {
    try connection.rows(
      """
      SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER,
        ACTION_STATEMENT, SQL_MODE
      FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
      """
    ).filter { ledger.isService($0.text("EVENT_OBJECT_TABLE")) }.map { row in
      CatalogueObject(
        kind: "trigger", name: row.text("TRIGGER_NAME"),
        definition: "\(row.text("ACTION_TIMING")) \(row.text("EVENT_MANIPULATION")) ON"
          + " \(row.text("EVENT_OBJECT_TABLE")) \(row.text("ACTION_STATEMENT"))"
          + " [\(row.text("SQL_MODE"))]")
    }
  }

  private func routines() throws(StepFailure) -> [CatalogueObject] {
    let parameters = try connection.rows(MySQLCatalogueQueries.parameters)
    return try connection.rows(MySQLCatalogueQueries.routines).map { row in
      let own = parameters.filter {
        $0.text("SPECIFIC_NAME") == row.text("ROUTINE_NAME")
          && $0.text("ROUTINE_TYPE") == row.text("ROUTINE_TYPE")
      }
      let list = own.map {
        "\($0.text("PARAMETER_MODE")) \($0.text("PARAMETER_NAME")) \($0.text("DTD_IDENTIFIER"))"
      }
      return CatalogueObject(
        kind: row.text("ROUTINE_TYPE").lowercased(), name: row.text("ROUTINE_NAME"),
        definition: "(\(list.joined(separator: ", "))) \(row.text("DTD_IDENTIFIER"))"
          + " \(row.text("ROUTINE_DEFINITION")) [\(row.text("IS_DETERMINISTIC")),"
          + " \(row.text("SQL_DATA_ACCESS")), \(row.text("SECURITY_TYPE")),"
          + " \(row.text("SQL_MODE"))]")
    }
  }

  private func events() throws(StepFailure) -> [CatalogueObject] {
    try connection.rows(MySQLCatalogueQueries.events).map { row in
      CatalogueObject(
        kind: "event", name: row.text("EVENT_NAME"),
        definition: "\(row.text("EVENT_TYPE")) \(row.text("EXECUTE_AT"))"
          + " \(row.text("INTERVAL_VALUE")) \(row.text("INTERVAL_FIELD")) \(row.text("STATUS"))"
          + " \(row.text("ON_COMPLETION")) \(row.text("EVENT_DEFINITION"))")
    }
  }

  /// A view's text without the name of the database, which a copy does not share.
  private func unqualified(_ text: String) -> String {
    text.split(separator: "\(MySQLText.quoted(connection.address.database)).").joined()
  }
}

/// Questions for what is no table.
enum MySQLCatalogueQueries {
  static let parameters = """
    SELECT SPECIFIC_NAME, ORDINAL_POSITION, PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER,
      ROUTINE_TYPE
    FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = DATABASE()
    ORDER BY SPECIFIC_NAME, ORDINAL_POSITION
    """

  static let routines = """
    SELECT ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, IS_DETERMINISTIC,
      SECURITY_TYPE, SQL_DATA_ACCESS, SQL_MODE
    FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
    """

  static let events = """
    SELECT EVENT_NAME, EVENT_DEFINITION, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE, INTERVAL_FIELD,
      STATUS, ON_COMPLETION
    FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()
    """
}

/// One column as the server tells it.
private struct MySQLColumn {
  private let row: SQLRow
  private let keyPosition: Int
  private let isMariaDB: Bool

  init(_ row: SQLRow, keyPosition: Int, isMariaDB: Bool) {
    self.row = row
    self.keyPosition = keyPosition
    self.isMariaDB = isMariaDB
  }

  func column(in tableCollation: String) -> CatalogueColumn {
    let collation = row.text("COLLATION_NAME")
    return CatalogueColumn(
      name: row.text("COLUMN_NAME"), type: type, isNotNull: row.text("IS_NULLABLE") == "NO",
      defaultValue: defaultValue, keyPosition: keyPosition,
      collation: collation == tableCollation ? "" : collation, generation: generation)
  }

  private var extra: String { row.text("EXTRA").lowercased() }

  /// The type without widths that only served for display, and with what belongs to no other part.
  private var type: String {
    var type = row.text("COLUMN_TYPE")
    let name = type.prefix { $0.isLetter }
    let isBool = type.hasPrefix("tinyint(1)")
    if ["tinyint", "smallint", "mediumint", "int", "bigint", "year"].contains(name), !isBool,
      !type.contains("zerofill"), let end = type.firstIndex(of: ")")
    {
      type = String(name + type[type.index(after: end)...])
    }
    if extra.contains("on update") { type += " on update CURRENT_TIMESTAMP" }
    if extra.contains("invisible") { type += " invisible" }
    return type
  }

  private var generation: String? {
    if extra.contains("auto_increment") { return "auto_increment" }
    let expression = row.text("GENERATION_EXPRESSION")
    guard !expression.isEmpty else { return nil }
    return "\(extra.contains("virtual") ? "virtual" : "stored") (\(expression))"
  }

  private var defaultValue: String? {
    guard let text = row["COLUMN_DEFAULT"].text else { return nil }
    let lower = text.lowercased()
    if lower.hasPrefix("current_timestamp") {
      let rest = text.dropFirst("current_timestamp".count)
      return "CURRENT_TIMESTAMP" + (rest == "()" ? "" : rest)
    }
    if isMariaDB { return text == "NULL" ? nil : text }
    let isNumber = ["int", "decimal", "float", "double", "bit", "year"].contains {
      row.text("DATA_TYPE").contains($0)
    }
    return isNumber || extra.contains("default_generated") ? text : "'\(text)'"
  }
}

extension SQLRow {
  /// The column's text; of a number its digits, of bytes their UTF-8, and empty for null.
  func text(_ column: String) -> String {
    switch self[column] {
    case .text(let text): text
    case .integer(let number): String(number)
    case .real(let number): String(number)
    case .blob(let bytes): String(decoding: bytes, as: UTF8.self)
    case .null: ""
    }
  }
}
