import WindlassCore
import WindlassSchema

/// Puts the contents of a scratch database in the place of the service's.
///
/// All tables change places in one statement. Views, triggers, routines and events can't be moved,
/// so they are made anew behind it; until they are, the ledger is dirty.
struct DatabaseReplacement {
  private let source: MySQLConnection
  /// The database that the old tables are moved to.
  private let attic: String
  private let ledger: MySQLLedger
  /// What is made anew behind the tables, in this order.
  private let objects: [Definition]
  private let triggers: [Definition]
  private let version: SchemaVersion?
  /// Whether there is anything to move in.
  private let hasTables: Bool

  /// Makes the scratch database ready: its triggers, without which its tables can be moved, are
  /// kept in this value.
  ///
  /// - Parameter adopts: whether it gets Windlass's tables, and with them a new name.
  init(
    source: MySQLConnection, attic: String, ledger: MySQLLedger, adopts: Bool
  ) throws(StepFailure) {
    (self.source, self.attic, self.ledger) = (source, attic, ledger)
    // Only the server itself uses the copy: it looks after new tables, for a moment each.
    try source.run("SET SESSION lock_wait_timeout = 10")
    objects = try Self.objects(of: source)
    triggers = try Self.triggers(of: source)
    let own = MySQLOwnSchema(connection: source, ledger: ledger)
    version = try own.ledgerRow().version
    if adopts { try own.create() }
    if let version {
      try source.transaction { _ throws(StepFailure) in
        try own.writeLedger(version, isDirty: true)
      }
    }
    for trigger in triggers { try source.run("DROP TRIGGER \(MySQLText.quoted(trigger.name))") }
    hasTables = try !Self.tables(of: source).isEmpty
  }

  /// Replaces everything; the caller holds the locks that keep migrations out. What an earlier
  /// attempt did is not done again: behind the change of places only the rest is made anew.
  ///
  /// - Parameter epoch: the fence's new number; nil when the database was never adopted.
  func perform(
    on target: MySQLConnection, epoch: Epoch?, holder: RunID
  ) throws(StepFailure) {
    let own = MySQLOwnSchema(connection: target, ledger: ledger)
    // One statement moves all tables, so that either all are still there or none is.
    let left = try Self.tables(of: source)
    let isMoved = hasTables && left.isEmpty
    if let epoch {
      let fenced = isMoved ? own : MySQLOwnSchema(connection: source, ledger: ledger)
      try fenced.setEpoch(epoch, holder: holder)
    }
    try clear(target, own)
    if !isMoved { try swap(target) }
    // Behind the change of places nobody can use the database until the rest is there.
    try target.run("SET SESSION lock_wait_timeout = 1")
    target.knownTables = nil
    try make(objects, on: target)
    for trigger in triggers { try target.run(trigger.definition) }
    if let version {
      try target.transaction(serializable: true) { _ throws(StepFailure) in
        try own.writeLedger(version, isDirty: false)
      }
    }
    if epoch != nil { try own.recordCatalogue() }
  }

  /// An object that is made anew from its definition.
  private struct Definition {
    var kind: String
    var name: String
    var definition: String
  }

  private static func objects(of connection: MySQLConnection) throws(StepFailure) -> [Definition] {
    let names = try connection.rows(
      """
      SELECT 'VIEW' AS kind, TABLE_NAME AS name FROM information_schema.VIEWS
        WHERE TABLE_SCHEMA = DATABASE()
      UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES
        WHERE ROUTINE_SCHEMA = DATABASE()
      UNION ALL SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS
        WHERE EVENT_SCHEMA = DATABASE()
      """)
    // Routines first, since views may call them.
    return try names.map { row throws(StepFailure) in
      let (kind, name) = (row.text("kind"), row.text("name"))
      let place = kind == "VIEW" ? 1 : kind == "EVENT" ? 3 : 2
      return Definition(
        kind: kind, name: name, definition: try definition(kind, name, at: place, connection))
    }.sorted { ($0.kind == "VIEW" ? 1 : 0, $0.name) < ($1.kind == "VIEW" ? 1 : 0, $1.name) }
  }

  private static func triggers(of connection: MySQLConnection) throws(StepFailure) -> [Definition] {
    try connection.rows(
      """
      SELECT TRIGGER_NAME AS name FROM information_schema.TRIGGERS
      WHERE TRIGGER_SCHEMA = DATABASE()
      ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER
      """
    ).map { row throws(StepFailure) in
      Definition(
        kind: "TRIGGER", name: row.text("name"),
        definition: try definition("TRIGGER", row.text("name"), at: 2, connection))
    }
  }

  private static func definition(
    _ kind: String, _ name: String, at place: Int, _ connection: MySQLConnection
  ) throws(StepFailure) -> String {
    let row = try connection.rows("SHOW CREATE \(kind) \(MySQLText.quoted(name))").first
    guard let row, place < row.values.count, let text = row.values[place].text else {
      throw StepFailure(
        code: "AccessDenied", disposition: .stop,
        message: "The definition of \(kind) \(name) in \(connection.address.name) may not be read"
          + " by this user. Give it the right to see routines, then restore again.")
    }
    return text
  }

  /// Removes what can't be moved from the service's database, after marking its ledger.
  private func clear(
    _ target: MySQLConnection, _ own: MySQLOwnSchema
  ) throws(StepFailure) {
    let (version, _) = try own.ledgerRow()
    if let version {
      try target.transaction(serializable: true) { _ throws(StepFailure) in
        try own.writeLedger(version, isDirty: true)
      }
    }
    for object in try Self.triggers(of: target) + Self.objects(of: target) {
      try target.run("DROP \(object.kind) IF EXISTS \(MySQLText.quoted(object.name))")
    }
  }

  private func swap(_ target: MySQLConnection) throws(StepFailure) {
    let (here, there) = (target.address.database, source.address.database)
    let moves =
      try Self.tables(of: target).map { move($0, from: here, to: attic) }
      + Self.tables(of: source).map { move($0, from: there, to: here) }
    guard !moves.isEmpty else { return }
    try target.run("RENAME TABLE \(moves.joined(separator: ", "))")
  }

  private func move(_ table: String, from: String, to: String) -> String {
    let name = MySQLText.quoted(table)
    return "\(MySQLText.quoted(from)).\(name) TO \(MySQLText.quoted(to)).\(name)"
  }

  private static func tables(of connection: MySQLConnection) throws(StepFailure) -> [String] {
    try connection.rows(
      """
      SELECT TABLE_NAME AS name FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE')
      ORDER BY TABLE_NAME
      """
    ).map { $0.text("name") }
  }

  /// Makes the objects; a view that needs another one that is not there yet is tried again.
  private func make(
    _ objects: [Definition], on target: MySQLConnection
  ) throws(StepFailure) {
    var rest = objects
    while !rest.isEmpty {
      var (waiting, failure): ([Definition], StepFailure?) = ([], nil)
      for object in rest {
        do throws(StepFailure) {
          try target.run(object.definition)
        } catch {
          waiting.append(object)
          failure = error
        }
      }
      if let failure, waiting.count == rest.count { throw failure }
      rest = waiting
    }
  }
}
