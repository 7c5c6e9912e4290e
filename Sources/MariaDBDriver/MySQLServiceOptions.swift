package import WindlassCore
import WindlassSchema

/// How a service's MySQL or MariaDB database is treated.
package struct MySQLServiceOptions: Hashable, Sendable {
  /// Whose user does what the options are for.
  package var address: MySQLAddress
  /// Whose user reads the ledger; nil for the same.
  package var probe: MySQLAddress?
  /// Whose user takes backups and makes copies, whose rights preflight looks at as well; nil for
  /// nobody.
  package var backup: MySQLAddress?
  /// What the service itself is told, whose form a copy's URL takes; nil for the address.
  package var service: MySQLAddress?
  package var ledger: MySQLLedger
  /// How long one attempt waits for a lock that blocks others.
  package var lockBudget: Interval
  /// How long a lock that blocks others is held.
  package var holdBudget: Interval
  /// How long all attempts at a lock may take together.
  package var lockDeadline: Interval
  /// The share of the time that a backfill works, in percent.
  package var backfillShare: Int
  /// The servers that replicate from this one and that backfills wait for, with users who may ask
  /// them how far they are behind.
  package var replicas: [MySQLAddress] = []
  /// How many may be named; they are asked one after the other.
  package static let replicasMax = 8
  /// Tells Windlass's sessions from others in the server's own lists.
  package var application: String

  package init(
    address: MySQLAddress, ledger: MySQLLedger = .standard,
    lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval = Bounds.holdBudgetDefault,
    lockDeadline: Interval = Bounds.lockDeadline,
    backfillShare: Int = Bounds.backfillShareDefault, application: String = "windlass"
  ) {
    self.address = address
    self.ledger = ledger
    self.lockBudget = lockBudget
    self.holdBudget = holdBudget
    self.lockDeadline = lockDeadline
    self.backfillShare = backfillShare
    self.application = application
  }

  /// Opens a connection for one step, with its settings made and read back.
  func connect(_ step: String) throws(StepFailure) -> MySQLConnection {
    let connection = try MySQLConnection(address, application: "\(application)/\(step)")
    try connection.prepareSession()
    return connection
  }

  /// Opens a connection of the user who reads the ledger.
  func connectToRead(_ step: String) throws(StepFailure) -> MySQLConnection {
    try acting(as: probe ?? address).connect(step)
  }

  /// The same as another user.
  func acting(as address: MySQLAddress) -> MySQLServiceOptions {
    var options = self
    options.address = address
    return options
  }

  /// The pace of backfills beside the service.
  var backfillPace: BackfillPace { BackfillPace(holdBudget: holdBudget, share: backfillShare) }

  /// The classifier for bodies.
  var classifier: MySQLClassifier { MySQLClassifier(ledgerTable: ledger.table) }

  /// The failure for a body that this engine does not run; nil for one that it does.
  func refusal(of body: MigrationBody) -> StepFailure? {
    let findings =
      classifier.findings(in: body.text, file: body.file)
      + Backfill.findings(in: body, dialect: .mysql)
    return findings.failure
  }
}
