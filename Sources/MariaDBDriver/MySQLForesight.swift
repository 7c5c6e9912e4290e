import WindlassCore
import WindlassSchema

/// What is asked for the next migration at the end of the request that runs the one before, so that
/// it costs no request of its own: whether any transaction is open, and how the table is defined
/// that the next statement changes.
struct MySQLForesight {
  /// The table.
  let object: MySQLObject
  /// Its definition as the journal has it; empty for one that is not there.
  let definition: String
  /// The number of requests that were sent by then.
  fileprivate let request: Int
  fileprivate let moment: ContinuousClock.Instant

  /// How long it is believed: no longer than the questions themselves would be on their way.
  fileprivate static let age = Interval.milliseconds(5)

  /// What to ask for an object; nothing where the server tells more, or less, than that.
  static func questions(
    for object: MySQLObject, on connection: MySQLConnection
  ) -> [String] {
    guard connection.server.isMariaDB, object.kind == .table, !connection.tellsLocks,
      connection.tellsTransactions, !object.name.utf8.contains(UInt8(ascii: ";"))
    else { return [] }
    return [MySQLBlockers.countingTransactions, object.asking]
  }

  /// Reads the answers; nil where somebody may be in the way, or nothing is known.
  init?(
    _ answers: ArraySlice<MySQLOutcome>, of object: MySQLObject, on connection: MySQLConnection
  ) {
    guard let others = answers.first else {
      if !connection.isLost { connection.tellsTransactions = false }
      return nil
    }
    guard !connection.isLost, others.rows.first?.values.first == .integer(0) else { return nil }
    if answers.count > 1 {
      definition = object.definition(in: answers[answers.startIndex + 1].rows.first)
    } else {
      guard MySQLObject.isMissing(connection.errorNumber) else { return nil }
      definition = ""
    }
    self.object = object
    request = connection.requestCount
    moment = .now
  }
}

extension MySQLConnection {
  /// How the only object is defined, where that was foreseen, and nothing was sent since.
  func foreseen(_ objects: [MySQLObject]) -> String? {
    guard let foresight, objects == [foresight.object], foresight.request == requestCount,
      (ContinuousClock.now - foresight.moment).interval < MySQLForesight.age
    else { return nil }
    return foresight.definition
  }
}
