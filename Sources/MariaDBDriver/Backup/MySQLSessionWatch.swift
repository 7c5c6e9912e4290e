package import WindlassCore
import WindlassSchema

/// Looks whether a rehearsed server has sessions in its copy, as the database server tells.
package actor MySQLSessionWatch {
  private let executor: BlockingExecutor
  private let options: MySQLServiceOptions

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Watches the server of the real database, on which the copies are too.
  package init(_ options: MySQLServiceOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.mysql-watch")
  }

  /// Whether somebody has a session in the copy now. Nobody but Windlass, which has none while a
  /// server is rehearsed, and that server know the copy's name.
  ///
  /// - Parameter copy: the URL that the server was given.
  package func isUsed(_ copy: String) throws(StepFailure) -> Bool {
    let address = try MySQLURL.address(of: Secret(copy))
    let rows = try options.connect("rehearsal").rows(
      "SELECT COUNT(*) AS sessions FROM information_schema.PROCESSLIST WHERE DB = ?",
      [.text(address.database)])
    return rows.first.map { $0.values.first != .integer(0) } ?? false
  }
}
