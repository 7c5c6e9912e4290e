import Glibc
import WindlassCore
import WindlassSchema

/// Databases of ours on the service's own server, which hold copies and nothing else.
struct MySQLScratchDatabase {
  let options: MySQLServiceOptions

  /// What every such database's name begins with; nothing else on the server is ever dropped.
  private static let prefix = "windlass_scratch_"

  /// The names of all copies of this service's database begin with this one.
  private var stem: String {
    Self.prefix + SHA256.digest(of: options.address.database).text.prefix(12) + "_"
  }

  /// A name such as copies have, for a look at rights.
  var sample: String { stem + "0" }

  private func stem(of label: String) -> String {
    stem + SHA256.digest(of: label).text.prefix(12) + "_"
  }

  /// The name of the user who may use the label's copy; 32 characters at most.
  func user(of label: String) -> String {
    let names = [options.address.database, label].map { SHA256.digest(of: $0).text.prefix(12) }
    return "wls_\(names.joined(separator: "_"))"
  }

  /// Removes every copy of this service and every user of one, and returns how many copies there
  /// were.
  func dropAll(on connection: MySQLConnection) throws(StepFailure) -> Int {
    let names = try names(stem, on: connection)
    for name in names {
      // `windlass_scratch_<service>_<label>_<time>`
      let parts = name.split(separator: "_")
      try drop(named: name, connection)
      if parts.count == 5 {
        // Without the right to make users there is none to drop.
        try? MySQLScratchRole.drop("wls_\(parts[2])_\(parts[3])", on: connection)
      }
    }
    return names.count
  }

  /// The options for a copy.
  func options(of name: String) -> MySQLServiceOptions {
    var copy = options
    copy.address = options.address.with(database: name)
    return copy
  }

  /// Makes an empty database for the label, in place of a leftover, and returns its name.
  func make(_ label: String, on connection: MySQLConnection) throws(StepFailure) -> String {
    let row = try connection.rows(
      """
      SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS coll
      FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()
      """
    ).first
    try drop(label, on: connection)
    try sweep(on: connection)
    let charset = row?.text("charset") ?? "utf8mb4"
    let collation = row.map { " COLLATE \($0.text("coll"))" } ?? ""
    let name = stem(of: label) + String(time(nil), radix: 16)
    try connection.run(
      "CREATE DATABASE \(MySQLText.quoted(name)) CHARACTER SET \(charset)\(collation)")
    return name
  }

  /// The name of the label's copy.
  func name(of label: String, on connection: MySQLConnection) throws(StepFailure) -> String {
    guard let name = try names(stem(of: label), on: connection).last else {
      throw StepFailure(
        code: "ScratchMissing", disposition: .stop,
        message: "The scratch copy \(label) of \(options.address.name) is gone. The next rehearsal"
          + " makes a new one.")
    }
    return name
  }

  /// Removes the copies of the label; none is no error.
  func drop(_ label: String, on connection: MySQLConnection) throws(StepFailure) {
    for name in try names(stem(of: label), on: connection) { try drop(named: name, connection) }
  }

  /// Removes copies of this database that a run left which ended without its own clean-up.
  private func sweep(on connection: MySQLConnection) throws(StepFailure) {
    let limit = time(nil) - Int(Bounds.scratchAgeMax.milliseconds / 1_000)
    for name in try names(stem, on: connection) {
      let made = name.split(separator: "_").last.flatMap { Int($0, radix: 16) }
      if let made, made < limit { try drop(named: name, connection) }
    }
  }

  private func drop(named name: String, _ connection: MySQLConnection) throws(StepFailure) {
    precondition(name.hasPrefix(stem), "only copies of ours are dropped")
    try connection.run(
      "DROP DATABASE IF EXISTS \(MySQLText.quoted(name))", within: Bounds.onlineStatementDeadline)
  }

  private func names(
    _ stem: String, on connection: MySQLConnection
  ) throws(StepFailure) -> [String] {
    try connection.rows(
      "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE LEFT(SCHEMA_NAME, ?) = ?",
      [.integer(Int64(stem.count)), .text(stem)]
    ).map { $0.text("name") }.filter { $0.hasPrefix(stem) }.sorted()
  }
}
