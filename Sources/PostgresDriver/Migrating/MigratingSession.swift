import WindlassCore
import WindlassSchema

/// A session that is made anew after it was lost.
struct MigratingSession {
  let options: PostgresServiceOptions
  /// The server's number, once one was reached: another one is an error then.
  private(set) var system: String?
  private var opened: PostgresConnection?
  /// Whether the tables of Windlass and the ledger were seen on this session.
  private var isComplete = false

  init(options: PostgresServiceOptions, system: String? = nil) {
    self.options = options
    self.system = system
  }

  /// The session, which is connected if it is not yet.
  mutating func connection() throws(StepFailure) -> PostgresConnection {
    if let opened, opened.isAlive { return opened }
    let connection = try options.connect(for: "migrate", expecting: system)
    system = connection.server.system
    opened = connection
    isComplete = false
    return connection
  }

  /// Whether a session is open on which the tables of Windlass and the ledger were seen.
  var isReadyForRequests: Bool {
    options.url.dialect == .postgres && isComplete && opened?.isAlive == true
  }

  /// Runs the body on the session; after a failure the next one begins with a new session.
  mutating func use<Result>(
    _ body: (PostgresConnection, LedgerPlace) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    try useInSeries { connection, place, _ throws(StepFailure) in try body(connection, place) }
  }

  /// The same, for a body that makes use of tables that it saw before, and notes when it sees them.
  mutating func useInSeries<Result>(
    _ body: (PostgresConnection, LedgerPlace, inout Bool) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let connection = try connection()
    do throws(StepFailure) {
      return try body(connection, options.ledger.located(on: connection), &isComplete)
    } catch {
      if error.code != "DatabaseLocked" { opened = nil }
      throw error
    }
  }
}
