package import WindlassCore

/// How a session with a PostgreSQL server is made and limited.
package struct PostgresOptions: Hashable, Sendable {
  package var url: PostgresURL
  /// What `pg_stat_activity` shows of the session: `windlass/RUN/STEP`; cut to 63 bytes.
  package var applicationName: String
  /// How long one statement waits for a lock; zero waits for ever, as statements that build an
  /// index while others write must.
  package var lockTimeout: Interval
  /// How long one statement may take on the server; zero for no limit.
  package var statementTimeout: Interval
  /// How long the server keeps a transaction of which it hears nothing.
  package var idleTimeout: Interval
  /// How long all attempts at a lock may take together.
  package var lockDeadline: Interval
  /// The server's own number, where another server behind the same name is an error.
  package var expectedSystem: String?

  package init(
    url: PostgresURL, applicationName: String = "windlass",
    lockTimeout: Interval = Bounds.lockBudgetDefault,
    statementTimeout: Interval = Bounds.statementDeadline,
    idleTimeout: Interval = Bounds.idleTransactionDeadline,
    lockDeadline: Interval = Bounds.lockDeadline, expectedSystem: String? = nil
  ) {
    self.url = url
    self.applicationName = applicationName
    self.lockTimeout = lockTimeout
    self.statementTimeout = statementTimeout
    self.idleTimeout = idleTimeout
    self.lockDeadline = lockDeadline
    self.expectedSystem = expectedSystem
  }
}
