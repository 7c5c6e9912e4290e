/// What the database said, and about which statement.
struct DatabaseError: Error, Equatable {
  let message: String
  let query: String
  /// Whether the same transaction may well succeed when it is run again from its beginning:
  /// another one stood in its way, or the schema changed under it.
  var isPassing = false
}

/// A value of a row or of a parameter.
enum DatabaseValue: Equatable, Sendable {
  case null
  case integer(Int64)
  case text(String)

  /// The number, or 0 where there is none.
  var integer: Int64 {
    if case .integer(let value) = self { return value }
    return 0
  }

  /// The text, or nil where there is none.
  var text: String? {
    if case .text(let value) = self { return value }
    return nil
  }
}

/// What a transaction is for.
enum TransactionKind: Sendable {
  /// Reads, all of it the same moment of the database.
  case reading
  /// Writes.
  case writing
}

/// One connection to a database, used by one thread at a time.
protocol DatabaseConnection: AnyObject, Sendable {
  /// Most rows that one query may return.
  static var rowsMax: Int { get }

  /// Begins a transaction; a connection that was lost is made again before.
  func begin(_ kind: TransactionKind) throws(DatabaseError)

  /// Ends the transaction, for good or as if it had never begun.
  func end(commits: Bool) throws(DatabaseError)

  /// Runs a statement and returns its rows.
  ///
  /// - Parameter parameters: the values of `?1`, `?2` and so on; the query takes those that it
  ///   names, so that several queries can share one list.
  func rows(
    _ query: Query, _ parameters: [DatabaseValue]
  ) throws(DatabaseError) -> [[DatabaseValue]]
}

extension DatabaseConnection {
  static var rowsMax: Int { 10_000 }

  /// Runs a statement whose rows are of no interest.
  func execute(_ query: Query, _ parameters: [DatabaseValue] = []) throws(DatabaseError) {
    _ = try rows(query, parameters)
  }

  /// Runs the body in one transaction, anew when another one stood in its way.
  func transaction<Outcome>(
    _ kind: TransactionKind, _ body: () throws(DatabaseError) -> Outcome
  ) throws(DatabaseError) -> Outcome {
    var attemptsLeft = 5
    while true {
      attemptsLeft -= 1
      do {
        try begin(kind)
        let outcome = try body()
        try end(commits: true)
        return outcome
      } catch {
        // The first failure is the one to report; without a connection no transaction is left.
        try? end(commits: false)
        guard error.isPassing, attemptsLeft > 0 else { throw error }
      }
    }
  }
}
