import WindlassCore

/// The one place where the errors of server and client library become failures.
enum MySQLFailure {
  /// Makes the failure for a vendor code.
  ///
  /// - Parameters:
  ///   - number: the server's or the library's error number; never 0.
  ///   - state: the SQLSTATE.
  ///   - message: the server's own words; values of rows are taken out of them here.
  ///   - address: whose user it is, and in which database.
  static func failure(
    _ number: UInt32, state: String, _ message: String, _ address: MySQLAddress
  ) -> StepFailure {
    let database = address.name
    let words = "\(withoutValues(number, message)) [\(number), \(state)]"
    switch number {
    case 1205, 1213, 1614, 3572:
      return StepFailure(
        code: "DatabaseLocked", disposition: .retry,
        message: "Another session holds a lock in \(database) (\(words)).")
    case 1317, 1028, 1969, 3024:
      return StepFailure(
        code: "Interrupted", disposition: .retry,
        message: "The statement on \(database) was interrupted (\(words)).")
    case 1053, 1077, 1079, 1152, 1158...1161, 1184, 1927, 2006, 2013, 2014, 2055, 4031:
      return StepFailure(
        code: "ConnectionLost", disposition: .retry,
        message: "The connection to \(database) was lost (\(words)).")
    case 2001...2005, 2009, 1040, 1129, 1130, 1203, 1226:
      return StepFailure(
        code: "DatabaseUnreachable", disposition: number == 1130 ? .stop : .retry,
        message: "\(database) can't be reached (\(words)). Check that the server runs, that the"
          + " address is right and that it has connections left.")
    default: return lasting(number, words, address)
    }
  }

  /// Failures for which trying again can't help.
  private static func lasting(
    _ number: UInt32, _ words: String, _ address: MySQLAddress
  ) -> StepFailure {
    let database = address.name
    let (code, message): (String, String) =
      switch number {
      case 1044, 1045, 1142, 1143, 1227, 1370, 1410, 1419, 1698, 1820, 1862:
        (
          "AccessDenied",
          "\(database) refuses the \(address.whom) (\(words)). Check user, password and rights;"
            + " docs/roles.md says what each role needs, and why."
        )
      case 1049:
        (
          "DatabaseMissing",
          "There is no database \(database) (\(words)). Check the database URL, or make it with"
            + " CREATE DATABASE."
        )
      case 1290, 1792, 1836, 3100:
        (
          "DatabaseReadOnly",
          "\(database) can't be written (\(words)). Connect to the primary server."
        )
      case 1021, 1114, 1030, 3170:
        ("DiskFull", "\(database) could not store more (\(words)). Free space on the server.")
      case 1022, 1048, 1062, 1169, 1216, 1217, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452,
        1557, 1586, 1690, 3819, 3820, 4025:
        ("ConstraintViolated", "A statement on \(database) breaks a constraint (\(words)).")
      case 1845, 1846:
        ("AlgorithmRefused", "\(database) can't change the table in that way (\(words)).")
      case 2012, 2026, 2061, 3159:
        (
          "ConnectionInsecure",
          "No protected connection to \(database) came about (\(words)). Check the server's"
            + " certificate, x-tls-ca, and that the server offers TLS."
        )
      default: ("StatementFailed", "A statement on \(database) failed: \(words).")
      }
    return StepFailure(code: code, disposition: .stop, message: message)
  }

  /// The message without values of rows, which some errors quote.
  private static func withoutValues(_ number: UInt32, _ message: String) -> String {
    guard [1062, 1292, 1366, 1411, 1525, 1586, 1690].contains(number),
      let start = message.firstIndex(of: "'"),
      let end = message.range(of: " for ", after: start)
    else { return message }
    return message[..<start] + "'…'" + message[end...]
  }
}

extension StepFailure {
  /// The failure of a statement that was ended because it waited for a lock.
  static func lockNotFree(within budget: Interval, _ database: String) -> StepFailure {
    StepFailure(
      code: "DatabaseLocked", disposition: .retry,
      message: "A lock in \(database) was not had within \(budget).")
  }

  /// The failure of a statement that was ended because it may have kept others out for too long,
  /// while nobody saw whether it did: the machine had no time for Windlass.
  static func notWatched(for limit: Interval, _ database: String) -> StepFailure {
    StepFailure(
      code: "DatabaseLocked", disposition: .retry,
      message: "A statement on \(database) was ended after \(limit) in which nobody could look"
        + " whether it waited for a lock or held one; the server took it back.")
  }
}

extension String {
  /// Where a text stands last behind a place.
  fileprivate func range(of text: String, after start: Index) -> Index? {
    ranges(of: text).last { $0.lowerBound > start }?.lowerBound
  }
}
