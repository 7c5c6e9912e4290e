import WindlassCore
import WindlassSchema

/// Where a cluster writes the backups of one database, and what of it the backup directory keeps.
///
/// The cluster's own nodes write and read a backup. The file in the backup directory only says
/// where it is, and what the server listed of it when it was complete.
struct CockroachCollection: Hashable {
  /// The backup's own collection.
  var uri: String
  /// The backup in the collection, as SHOW BACKUPS names it.
  var path: String
  /// The moment that it is of, in the cluster's own writing.
  var moment: String
  /// What SHOW BACKUP lists with every file checked, one line per object.
  var objects: [String]

  /// The destination that a database URL names.
  ///
  /// - Throws: where it names none, or one that would have to hold a secret.
  static func destination(of url: PostgresURL) throws(StepFailure) -> String {
    let option = "x-backup-destination"
    let advice = """
      Name it with the option \(option) of the database URL: external://NAME after CREATE EXTERNAL \
      CONNECTION NAME AS '…', nodelocal://1/PATH, or userfile:///PATH, which lies in the cluster itself.
      """
    guard let destination = url.options[option], !destination.isEmpty else {
      throw StepFailure(
        code: "BackupDestinationMissing", disposition: .stop,
        message: "CockroachDB's nodes write a backup themselves, and nothing says where. \(advice)")
    }
    let isKnown = ["external://", "nodelocal://", "userfile://"].contains(
      where: destination.hasPrefix)
    guard isKnown, !destination.contains(where: { "'\"\\?".contains($0) || $0.isNewline }) else {
      throw StepFailure(
        code: "BackupDestinationRefused", disposition: .stop,
        message: "\(option) must not hold keys or other secrets, and no quotes. \(advice)")
    }
    return destination.hasSuffix("/") ? String(destination.dropLast()) : destination
  }

  /// The file's bytes.
  var encoded: [UInt8] {
    Array(
      (["windlass cockroachdb backup 1", uri, path, moment] + objects).joined(separator: "\n").utf8)
  }

  /// Reads the file.
  init(_ bytes: [UInt8], file: String) throws(StepFailure) {
    let lines = String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    guard lines.count >= 4, lines[0] == "windlass cockroachdb backup 1" else {
      throw StepFailure(
        code: "BackupDamaged", disposition: .stop,
        message: "\(file) does not say where a backup is. Use another backup.")
    }
    self.init(uri: lines[1], path: lines[2], moment: lines[3], objects: Array(lines.dropFirst(4)))
  }

  /// Names every part.
  init(uri: String, path: String, moment: String, objects: [String]) {
    self.uri = uri
    self.path = path
    self.moment = moment
    self.objects = objects
  }
}

extension PostgresConnection {
  /// Backs the database up as it was at that moment, and waits for it.
  func backUp(
    to uri: String, asOf moment: String
  ) throws(StepFailure) -> CockroachCollection {
    let database = server.database.quotedName
    let rows = try rows(
      "BACKUP DATABASE \(database) INTO '\(uri)' AS OF SYSTEM TIME '\(moment)'")
    try requireSuccess(of: rows.first, "BACKUP")
    guard let path = try self.rows("SHOW BACKUPS IN '\(uri)'").last?.values.first?.text else {
      throw StepFailure(
        code: "DumpFailed", disposition: .retry,
        message: "\(place) wrote a backup to \(uri) and does not list it there. No backup was"
          + " taken; look at the destination.")
    }
    return CockroachCollection(
      uri: uri, path: path, moment: moment, objects: try backedUpObjects(path, in: uri))
  }

  /// What a backup holds, after the server has looked for every file of it.
  func backedUpObjects(_ path: String, in uri: String) throws(StepFailure) -> [String] {
    try rows("SHOW BACKUP FROM '\(path)' IN '\(uri)' WITH check_files").map { row in
      ["database_name", "parent_schema_name", "object_name", "object_type"]
        .map { row[$0].text ?? "" }.joined(separator: " ")
    }.sorted()
  }

  /// Restores a backup into a database of a new name, and waits for it.
  func restore(
    _ collection: CockroachCollection, of database: String, as name: String
  ) throws(StepFailure) {
    let rows = try rows(
      "RESTORE DATABASE \(database.quotedName) FROM '\(collection.path)' IN '\(collection.uri)'"
        + " WITH new_db_name = '\(name)'")
    try requireSuccess(of: rows.first, "RESTORE")
  }

  private func requireSuccess(of row: SQLRow?, _ what: String) throws(StepFailure) {
    guard let status = row?["status"].text, status != "succeeded" else { return }
    throw StepFailure(
      code: what == "BACKUP" ? "DumpFailed" : "RestoreFailed", disposition: .stop,
      message: "\(what) on \(place) ended as \(status). SHOW JOBS there tells why.")
  }
}
