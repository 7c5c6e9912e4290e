/// A value that a database stores or takes as a parameter.
public enum SQLValue: Hashable, Sendable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])
}

/// One statement with its parameters.
public struct SQLStatement: Hashable, Sendable {
  public var text: String
  /// Bound by position, in order; never printed.
  public var parameters: [SQLValue]

  public init(_ text: String, _ parameters: [SQLValue] = []) {
    self.text = text
    self.parameters = parameters
  }
}

/// One row, its columns in the order of the query.
public struct SQLRow: Hashable, Sendable {
  public var columns: [String]
  public var values: [SQLValue]

  public init(columns: [String], values: [SQLValue]) {
    self.columns = columns
    self.values = values
  }

  /// The value of the named column; null when there is none of that name.
  public subscript(_ column: String) -> SQLValue {
    guard let index = columns.firstIndex(of: column) else { return .null }
    return values[index]
  }
}

/// One part of a batch.
public enum BatchPart: Hashable, Sendable {
  /// The query's only row must hold this only value, or the batch is rolled back and fails with
  /// the failure. A query without a row counts as `.null`.
  case require(SQLStatement, equals: SQLValue, orFail: StepFailure)
  case execute(SQLStatement)
  /// A whole file of statements, run in order.
  case script(String)
}

/// A transaction as a value: it can be linted, shown, journaled and simulated, and nothing can
/// come between its parts.
public struct StatementBatch: Hashable, Sendable {
  public var parts: [BatchPart]
  /// How long one attempt waits for the lock.
  public var lockBudget: Interval
  /// How long the transaction may hold its lock before it is interrupted and rolled back.
  public var holdBudget: Interval
  /// Whether foreign keys are enforced while the batch runs (SQLite: set outside the transaction).
  public var enforcesForeignKeys: Bool

  public init(
    parts: [BatchPart], lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval = Bounds.holdBudgetDefault, enforcesForeignKeys: Bool = true
  ) {
    self.parts = parts
    self.lockBudget = lockBudget
    self.holdBudget = holdBudget
    self.enforcesForeignKeys = enforcesForeignKeys
  }
}

/// What a committed batch did.
public struct BatchOutcome: Hashable, Sendable {
  /// Rows changed by the batch's statements.
  public var rowsChanged: Int64
  /// From the first attempt to the lock, in milliseconds.
  public var waited: Interval
  /// From the lock to the commit, in milliseconds.
  public var held: Interval

  public init(rowsChanged: Int64, waited: Interval, held: Interval) {
    self.rowsChanged = rowsChanged
    self.waited = waited
    self.held = held
  }
}

/// One connection to one database, confined to the actor that owns it.
public protocol DatabaseSession: Actor {
  /// Runs the parts in one transaction, all or nothing, giving up on a lock after its budget.
  ///
  /// - Throws: `StepFailure`; `.retry` when a lock was not had in time.
  func apply(_ batch: StatementBatch) async throws(StepFailure) -> BatchOutcome

  /// Reads at most `limit` rows; one row more is an error, never a silent cut.
  func rows(_ query: SQLStatement, limit: Int) async throws(StepFailure) -> [SQLRow]
}
