import CSQLite
import WindlassCore
import WindlassSchema

/// Refuses, while SQLite itself compiles a migration's statements, what may not run in it.
///
/// The classifier has refused the same by text before; this holds where a text could deceive it.
final class StatementGuard {
  private let ledgerTable: String

  private init(ledgerTable: String) {
    self.ledgerTable = ledgerTable
  }

  /// Runs the body with the guard in force.
  static func guarding<Result>(
    _ connection: SQLiteConnection, ledger: SQLiteLedger,
    _ body: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let guardian = StatementGuard(ledgerTable: ledger.table)
    sqlite3_set_authorizer(
      connection.handle,
      { context, action, first, second, _, _ in
        guard let context else { return SQLITE_OK }
        return Unmanaged<StatementGuard>.fromOpaque(context).takeUnretainedValue()
          .allows(action, first.map { String(cString: $0) }, second.map { String(cString: $0) })
          ? SQLITE_OK : SQLITE_DENY
      }, Unmanaged.passUnretained(guardian).toOpaque())
    // The authorizer is taken away before `guardian` can go.
    defer {
      sqlite3_set_authorizer(connection.handle, nil, nil)
      withExtendedLifetime(guardian) {}
    }
    return try body()
  }

  private func allows(_ action: Int32, _ first: String?, _ second: String?) -> Bool {
    switch action {
    case SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH:
      return false
    case SQLITE_PRAGMA:
      return SQLiteClassifier.harmlessPragmas.contains(first?.lowercased() ?? "")
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE, SQLITE_DROP_TABLE:
      guard let first else { return true }
      return !OwnTables.isOwn(first) && first.lowercased() != ledgerTable.lowercased()
    case SQLITE_ALTER_TABLE, SQLITE_DROP_INDEX, SQLITE_CREATE_INDEX:
      guard let second else { return true }
      return !OwnTables.isOwn(second) && second.lowercased() != ledgerTable.lowercased()
    case SQLITE_CREATE_TABLE, SQLITE_CREATE_VIEW, SQLITE_CREATE_VTABLE:
      return first.map { !OwnTables.isOwn($0) } ?? true
    default:
      return true
    }
  }
}
