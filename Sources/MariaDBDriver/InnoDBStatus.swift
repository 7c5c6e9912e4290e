import WindlassCore

/// What `SHOW ENGINE INNODB STATUS` tells of a session: the only source on MariaDB that is never
/// older than the question. It costs the server more than the list of transactions does.
enum InnoDBStatus {
  /// From this size on, in bytes, the server leaves transactions out; it says so nowhere.
  private static let sizeMax = 1_000_000

  /// Whether a session waits for a row, and for which; nil where that is not told, as in a text
  /// that was cut off. Whoever has no transaction in a whole one waits for no row.
  ///
  /// - Parameter text: the status, which holds statements of others; nothing of it is kept but the
  ///   name of the lock.
  static func answer(of session: UInt64, in text: String) -> RowLockReading.Answer? {
    let lines = text.split(separator: "\n")
    guard
      let place = lines.firstIndex(where: { $0.contains(" thread id \(session), ") }),
      let start = lines[..<place].lastIndex(where: isTransaction)
    else { return isWhole(text) ? .waitsForNothing : nil }
    guard lines[start..<place].contains(where: { $0.hasPrefix("LOCK WAIT ") }) else {
      return .waitsForNothing
    }
    let rest = lines[place...].prefix { !isTransaction($0) }
    let lock = rest.drop { !$0.contains(" TRX HAS BEEN WAITING ") }.dropFirst().first
    return .waits(lock.map(String.init) ?? "")
  }

  private static func isWhole(_ text: String) -> Bool {
    text.utf8.count < sizeMax && text.holds("\nEND OF INNODB MONITOR OUTPUT\n")
  }

  private static func isTransaction(_ line: Substring) -> Bool {
    line.hasPrefix("---TRANSACTION ")
  }
}
