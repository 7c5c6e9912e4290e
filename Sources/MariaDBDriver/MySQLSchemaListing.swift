import WindlassCore
import WindlassSchema

/// What there is in a database besides rows, and the questions for the rest of it.
///
/// The server's own statements that would make everything tell whether a schema is the one of
/// before, in two requests and without the catalogue, for which the server opens every table anew
/// in each of its queries. They hold everything that the catalogue does: equal ones mean equal
/// catalogues, and other ones mean that one has to look.
struct MySQLSchemaListing {
  private let listed: [MySQLOutcome]
  private let ledger: MySQLLedger

  /// Asks for the names of tables, and for what is no table.
  init(_ connection: MySQLConnection, ledger: MySQLLedger) throws(StepFailure) {
    self.ledger = ledger
    listed = try connection.run(together: Self.questions)
  }

  private static let questions = [
    SQLStatement(
      """
      SELECT TABLE_NAME, TABLE_TYPE, ROW_FORMAT FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME
      """), SQLStatement("SHOW TRIGGERS"),
    SQLStatement(MySQLCatalogueQueries.routines), SQLStatement(MySQLCatalogueQueries.events),
  ]

  private var names: [String] { listed[0].rows.map { $0.text("TABLE_NAME") } }

  /// The names of the tables that are Windlass's or the ledger's.
  var ownTables: Set<String> { Set(names.filter { !ledger.isService($0) }) }

  /// The questions for the definitions of everything else, which may fail where this user may not
  /// see all of it.
  var definitions: [SQLStatement] {
    let hasRoutines = !listed[2].rows.isEmpty
    return names.filter(ledger.isService).map {
      SQLStatement("SHOW CREATE TABLE \(MySQLText.quoted($0))")
    } + (hasRoutines ? [SQLStatement(MySQLCatalogueQueries.parameters)] : [])
  }

  /// What tells this schema from another one.
  ///
  /// - Parameter definitions: the answers to the questions.
  func stamp(_ definitions: some Sequence<MySQLOutcome>) -> Digest {
    var bytes: [UInt8] = []
    func add(_ text: String) {
      bytes.append(contentsOf: String(text.utf8.count).utf8)
      bytes.append(UInt8(ascii: " "))
      bytes.append(contentsOf: text.utf8)
      bytes.append(UInt8(ascii: "\n"))
    }
    let own = ownTables
    for (kind, outcome) in listed.enumerated() {
      for row in outcome.rows where kind > 0 || !own.contains(row.text("TABLE_NAME")) {
        add("\(kind)")
        for column in row.columns { add(row.text(column)) }
      }
    }
    for outcome in definitions {
      add("definition")
      for row in outcome.rows {
        for column in row.columns { add(MySQLConnection.withoutCounter(row.text(column))) }
      }
    }
    return SHA256.digest(of: bytes)
  }
}

extension MySQLLedger {
  /// Whether a table is the service's: neither the ledger nor Windlass's own.
  func isService(_ name: String) -> Bool {
    name.lowercased() != table.lowercased() && !OwnTables.isOwn(name)
  }
}

extension MySQLConnection {
  /// What tells this schema from another one; nil where this user may not see all of it.
  func schemaStamp(ledger: MySQLLedger) throws(StepFailure) -> Digest? {
    let listing = try MySQLSchemaListing(self, ledger: ledger)
    do throws(StepFailure) {
      return listing.stamp(try run(together: listing.definitions))
    } catch {
      guard !isLost else { throw error }
      return nil
    }
  }
}

/// Ledger, history and whether the schema is as it was left, as one request tells them behind the
/// listing.
struct MySQLOverview {
  let tables: Set<String>
  let ledger: MySQLLedgerState
  let history: [HistoryEntry]
  /// Whether the schema is known to be as it was recorded; false where one has to look.
  let isAsRecorded: Bool

  /// Asks; nil where this user may not see everything, so that one has to ask piece by piece.
  init?(_ own: MySQLOwnSchema) throws(StepFailure) {
    let listing = try MySQLSchemaListing(own.connection, ledger: own.ledger)
    tables = listing.ownTables
    own.note(tables)
    let hasRecord = tables.contains(OwnTables.catalogue)
    var questions: [SQLStatement] = []
    if own.hasLedger(tables) { questions.append(SQLStatement(own.ledger.reading)) }
    if tables.contains(OwnTables.history) { questions.append(MySQLOwnSchema.readingHistory) }
    if hasRecord { questions.append(MySQLOwnSchema.readingFingerprint) }
    var answers: ArraySlice<MySQLOutcome>
    do throws(StepFailure) {
      answers = try own.connection.run(together: questions + listing.definitions)[...]
    } catch {
      guard !own.connection.isLost else { throw error }
      return nil
    }
    var state = MySQLLedgerState(version: nil, isDirty: false)
    if own.hasLedger(tables) {
      let (version, isDirty) = try own.ledger.interpret(answers.removeFirst().rows)
      state = MySQLLedgerState(version: version, isDirty: isDirty)
    }
    ledger = state
    history =
      tables.contains(OwnTables.history)
      ? answers.removeFirst().rows.map { HistoryEntry($0) } : []
    let record = hasRecord ? answers.removeFirst().rows.first : nil
    isAsRecorded =
      record.map { record in
        record["fingerprint"].text == listing.stamp(answers).text
          && record["version"].integer == state.version.map { Int64(bitPattern: $0.number) }
      } ?? true
  }
}
