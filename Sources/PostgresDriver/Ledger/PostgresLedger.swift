package import WindlassCore
import WindlassSchema

/// Which of golang-migrate's ledgers a database has.
package struct PostgresLedger: Hashable, Sendable {
  /// The schema; nil for the first of the search path.
  package var schema: String?
  package var table: String
  /// The table in which some versions of golang-migrate lock.
  package var lockTable: String

  package init(
    schema: String? = nil, table: String = PostgresLedgerName.defaultTable,
    lockTable: String = "schema_lock"
  ) {
    self.schema = schema
    self.table = table
    self.lockTable = lockTable
  }

  /// The ledger that a URL's options name, as golang-migrate reads them.
  ///
  /// - Throws: `BadURL` for a quoted name that is none.
  package init(_ url: PostgresURL) throws(StepFailure) {
    self.init(lockTable: url.options["x-lock-table"] ?? "schema_lock")
    guard let name = url.options["x-migrations-table"], !name.isEmpty else { return }
    guard ["1", "t", "true"].contains(url.options["x-migrations-table-quoted"]?.lowercased())
    else {
      table = name
      return
    }
    let parts = try Self.quotedParts(of: name)
    table = parts[parts.count - 1]
    schema = parts.count == 2 ? parts[0] : nil
  }

  /// Reads `"table"` or `"schema"."table"`.
  private static func quotedParts(of name: String) throws(StepFailure) -> [String] {
    let parts = name.split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
    // `"a"` cuts into an empty text, a, and an empty text; `"a"."b"` has a point in the middle.
    if parts.count == 3, parts[0].isEmpty, parts[2].isEmpty, !parts[1].isEmpty { return [parts[1]] }
    if parts.count == 5, parts[0].isEmpty, parts[2] == ".", parts[4].isEmpty {
      return [parts[1], parts[3]]
    }
    throw StepFailure(
      code: "BadURL", disposition: .stop,
      message: "With x-migrations-table-quoted=true the value of x-migrations-table must be"
        + " \"table\" or \"schema\".\"table\", quotes included.")
  }

  /// The ledger as it lies in the database of that session.
  ///
  /// - Throws: `NoSchema` when the search path names no schema that exists.
  func located(on connection: PostgresConnection) throws(StepFailure) -> LedgerPlace {
    guard let schema = schema ?? connection.server.schema else {
      throw try PostgresRights.noSchema(on: connection)
    }
    return LedgerPlace(
      schema: schema, table: table, lockTable: lockTable, database: connection.server.database)
  }
}

/// A ledger's place in a database.
struct LedgerPlace: Hashable, Sendable {
  let schema: String
  let table: String
  let lockTable: String
  let database: String

  /// The ledger's name as a statement writes it.
  var name: String { "\(schema.quotedName).\(table.quotedName)" }

  /// The name of one of Windlass's tables as a statement writes it.
  func own(_ table: String) -> String { "\(schema.quotedName).\(table.quotedName)" }

  /// Makes the table as the other tool does.
  var creation: String {
    "CREATE TABLE IF NOT EXISTS \(name)"
      + " (version bigint not null primary key, dirty boolean not null)"
  }

  /// Replaces the row, in statements that stop nobody who reads it; for nil the table is left
  /// empty, unless it is dirty.
  func writing(_ version: SchemaVersion?, isDirty: Bool = false) -> String {
    let number = version.map { String($0.number) } ?? (isDirty ? "-1" : nil)
    guard let number else { return "DELETE FROM \(name)" }
    return
      "DELETE FROM \(name); INSERT INTO \(name) (version, dirty) VALUES (\(number), \(isDirty))"
  }

  // MARK: Keys

  /// The keys under which the versions of golang-migrate lock this ledger, ascending: opened by a
  /// URL or by a library, with schema and table, with the schema, or with neither in the key.
  var keys: [Int64] {
    Set(
      [database, "/" + database].flatMap { database in
        [[schema, table, database], [schema, database], [database]].map(Self.key)
      }
    ).sorted()
  }

  /// The keys of the versions that lock by rows of a table.
  var rowKeys: [Int64] { Set([[database], ["/" + database]].map(Self.key)).sorted() }

  /// The two halves of the key that only Windlass uses, so that its own processes exclude each
  /// other while golang-migrate's keys are free.
  var ownKey: (first: Int32, second: Int32) {
    let sum = CRC32.checksum("\(schema)\0\(table)".utf8)
    return (0x5749_4E44, Int32(bitPattern: sum))
  }

  /// golang-migrate's key: the names and the database's, joined by zero bytes, hashed and salted.
  static func key(_ names: [String]) -> Int64 {
    let sum = CRC32.checksum(names.joined(separator: "\0").utf8)
    return Int64(sum &* 1_486_364_155)
  }
}
