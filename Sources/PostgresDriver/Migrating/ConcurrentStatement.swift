import WindlassCore
import WindlassSchema

/// A statement that builds or drops an index beside writers, with what an attempt that was cut off
/// leaves behind.
struct ConcurrentStatement {
  let kind: PostgresConcurrent
  let text: String
  let connection: PostgresConnection

  /// Looks at what is there, before the statement runs.
  ///
  /// - Parameter wasBegun: whether an earlier attempt began it.
  /// - Returns: whether it is done already.
  func prepare(wasBegun: Bool) throws(StepFailure) -> Bool {
    switch kind {
    case .createIndex(let name, let table, let mayExist):
      guard let index = try index(name, on: table) else { return false }
      guard index.isValid else { return false }
      if wasBegun || mayExist { return true }
      throw StepFailure(
        code: "StatementFailed", disposition: .stop,
        message: "The index \(name) exists already on \(table) of \(connection.place). Give the"
          + " new one another name.")
    case .dropIndex(let schema, let name):
      guard wasBegun else { return false }
      let full = (schema.map { $0.quotedName + "." } ?? "") + name.quotedName
      return try connection.scalar("SELECT to_regclass($1)", [.text(full)]) == .null
    case .reindex: return false
    }
  }

  /// Drops what a failed attempt left, runs the statement, and checks what it made.
  func run() throws(StepFailure) {
    switch kind {
    case .createIndex(let name, let table, _):
      if let leftover = try index(name, on: table), !leftover.isValid { try drop(leftover) }
      do throws(StepFailure) {
        try connection.run(script: text)
      } catch {
        // An index that nobody can use costs every write.
        if connection.isAlive, let leftover = try index(name, on: table), !leftover.isValid {
          try drop(leftover)
        }
        throw error
      }
      guard let made = try index(name, on: table), made.isValid else {
        throw StepFailure(
          code: "StatementFailed", disposition: .stop,
          message: "The index \(name) on \(table) of \(connection.place) was built and can't be"
            + " used. Look at the server's log.")
      }
    case .reindex:
      try dropRebuilt()
      do throws(StepFailure) {
        try connection.run(script: text)
      } catch {
        if connection.isAlive { try dropRebuilt() }
        throw error
      }
    case .dropIndex: try connection.run(script: text)
    }
  }

  private struct Index {
    /// The name as a statement writes it.
    var name: String
    var isValid: Bool
  }

  private func index(_ name: String, on table: String) throws(StepFailure) -> Index? {
    let row = try connection.rows(
      """
      SELECT format('%I.%I', n.nspname, c.relname), i.indisvalid
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE i.indrelid = to_regclass($1) AND c.relname = $2
      """, [.text(table), .text(name)], limit: 2
    ).first
    return row.map { row in
      Index(name: row.values[0].text ?? "", isValid: row.values[1] == .integer(1))
    }
  }

  private func drop(_ index: Index) throws(StepFailure) {
    try connection.run(script: "DROP INDEX CONCURRENTLY IF EXISTS \(index.name)")
  }

  /// Drops the half-built twins that a rebuild makes and names itself.
  private func dropRebuilt() throws(StepFailure) {
    let rows = try connection.rows(
      """
      SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname !~ '^pg_'
      """)
    for row in rows { try drop(Index(name: row.values[0].text ?? "", isValid: false)) }
  }
}
