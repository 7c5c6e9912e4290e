package import WindlassCore
import WindlassSchema

/// Looks which databases a rehearsed server has sessions in, as the server of the databases tells.
package actor MySQLSessionWatch {
  private let executor: BlockingExecutor
  private let options: MySQLServiceOptions

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Watches the server of the real database, which the copies are on as well.
  package init(_ options: MySQLServiceOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.mysql-watch")
  }

  /// Whether a rehearsed server has a session in its copy now, and whether it has one elsewhere.
  ///
  /// Its sessions are those of the user that was made for it and is told to nobody else.
  ///
  /// - Parameter copy: the URL that the server was given.
  package func use(
    of copy: String
  ) throws(StepFailure) -> (scratch: Bool, production: Bool) {
    let address = try MySQLURL.address(of: Secret(copy))
    let databases = try options.connectToRead("watch").rows(
      "SELECT DISTINCT DB AS db FROM information_schema.PROCESSLIST WHERE USER = ?",
      [.text(address.user)]
    ).map { $0.text("db") }
    return (
      databases.contains(address.database),
      // A session that has chosen no database yet is in none.
      databases.contains { !$0.isEmpty && $0 != address.database }
    )
  }
}
