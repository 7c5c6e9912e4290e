import WindlassCore
import WindlassSchema

/// Databases that Windlass makes and drops by itself on a server, and no others.
///
/// Each has a random name of its own with our prefix, or the one name that the server's URL gives
/// the copies of rehearsals, and a comment that says who made it and when; without that comment a
/// database is never dropped, whatever it is called.
struct ScratchServer: Sendable {
  /// What a scratch database is for.
  enum Purpose: String, Sendable {
    case verification = "verify"
    case rehearsal = "rehearse"
    case restore
  }

  static let prefix = "windlass_scratch_"

  /// How the server is reached: a database that exists.
  let url: PostgresURL
  /// The random name of the directory that the databases belong to.
  let owner: String

  /// The name that all copies of rehearsals have, one after the other: the one in the URL, when it
  /// has our prefix. Then a server can be told its copy before that is made.
  var fixedName: String? { url.namesScratchCopy ? url.database : nil }

  /// The name of the database of that purpose and label, the same for as long as the owner lives.
  func name(_ purpose: Purpose, _ label: String) -> String {
    if purpose == .rehearsal, let fixedName { return fixedName }
    let digest = SHA256.digest(of: "\(owner) \(purpose.rawValue) \(label)").text
    return Self.prefix + String(digest.prefix(24))
  }

  /// The URL of that database.
  func url(of name: String) -> PostgresURL { url.replacing(database: name) }

  /// Such as 150004.
  func version() throws(StepFailure) -> Int {
    try withMaintenance { connection in connection.serverVersion }
  }

  /// Makes an empty database like the template's, in place of a leftover of the same name.
  func make(
    _ name: String, _ purpose: Purpose, like model: DatabaseModel, at moment: Timestamp
  ) throws(StepFailure) {
    try withMaintenance { connection throws(StepFailure) in
      try drop(name, on: connection)
      try PostgresRights(connection).requireMakingDatabases()
      try connection.run(script: model.creation(of: name))
      let comment = "\(mark(purpose)) \(moment.milliseconds)"
      try connection.run(script: "COMMENT ON DATABASE \(name) IS '\(comment)'")
      for setting in model.settings {
        try connection.run(script: "ALTER DATABASE \(name) SET \(setting)")
      }
    }
  }

  /// Drops a database of ours with everything in it; one that is gone already is no error.
  func drop(_ name: String) throws(StepFailure) {
    try withMaintenance { connection throws(StepFailure) in try drop(name, on: connection) }
  }

  /// Drops databases of that purpose that are older than a limit, and nothing else: this owner's,
  /// and those of owners whose directory may be gone once they are older than any rehearsal;
  /// returns how many those were.
  @discardableResult
  func sweep(_ purpose: Purpose, olderThan limit: Interval, at now: Timestamp) throws(StepFailure)
    -> Int
  {
    try withMaintenance { connection throws(StepFailure) in
      var count = 0
      for (name, comment) in try comments(on: connection) where name.hasPrefix(Self.prefix) {
        guard let maker = maker(in: comment, purpose)
        else { continue }
        let limit = maker.owner == owner ? limit : max(limit, Bounds.scratchAgeMax)
        guard maker.made + limit.milliseconds <= now.milliseconds else { continue }
        try drop(name, of: maker.owner, on: connection)
        count += 1
      }
      return count
    }
  }

  private static let promise = "Windlass made this; it may be dropped at any time. "

  /// How our databases' comments begin.
  func mark(_ purpose: Purpose) -> String { "\(Self.promise)\(owner) \(purpose.rawValue)" }

  /// Who made a database of that purpose, and when, by its comment; nil for any other database.
  private func maker(in comment: String, _ purpose: Purpose) -> (owner: String, made: Int64)? {
    guard comment.hasPrefix(Self.promise) else { return nil }
    let words = comment.dropFirst(Self.promise.count).split(separator: " ")
    guard words.count == 3, words[0].utf8.count == 32, words[1] == purpose.rawValue,
      let made = Int64(words[2])
    else { return nil }
    return (String(words[0]), made)
  }

  /// Every database with what is said of it; empty where nothing is.
  private func comments(
    on connection: PostgresConnection
  ) throws(StepFailure) -> [(name: String, comment: String)] {
    let query =
      connection.dialect == .postgres
      ? "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database"
        + " ORDER BY 1"
      : "SELECT database_name, comment FROM [SHOW DATABASES WITH COMMENT] ORDER BY 1"
    return try connection.rows(query).map {
      ($0.values[0].text ?? "", $0.values[1].text ?? "")
    }
  }

  private func drop(_ name: String, on connection: PostgresConnection) throws(StepFailure) {
    try drop(name, of: owner, on: connection)
  }

  private func drop(
    _ name: String, of owner: String, on connection: PostgresConnection
  ) throws(StepFailure) {
    guard let comment = try comments(on: connection).first(where: { $0.name == name })?.comment
    else { return }
    // A database that was made a moment before its maker died has no comment yet; the random part
    // of its name is known to nobody else, and a name that a person gave was given for this.
    guard name.hasPrefix(Self.prefix), comment.isEmpty || comment.contains(owner) else {
      throw StepFailure(
        code: "ScratchRefused", disposition: .stop,
        message: "The database \(name) of \(url.place) is not one that this Windlass made, and is"
          + " left alone. Look at its comment, and drop it by hand.")
    }
    guard connection.dialect == .postgres else {
      try connection.run(script: "DROP DATABASE IF EXISTS \(name) CASCADE")
      return
    }
    guard connection.serverVersion < 130_000 else {
      try connection.run(script: "DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
      return
    }
    _ = try connection.rows(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [.text(name)])
    try connection.run(script: "DROP DATABASE IF EXISTS \(name)")
  }

  /// Lends a connection on which databases can be made.
  func withMaintenance<Result>(
    _ body: (PostgresConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let hub = url.replacing(database: url.dialect == .postgres ? "postgres" : "system")
    // A session can't drop the database that it is in.
    if fixedName != nil {
      return try body(PostgresConnection(Self.patient(hub, "windlass/scratch")))
    }
    let connection: PostgresConnection
    do throws(StepFailure) {
      connection = try PostgresConnection(Self.patient(url, "windlass/scratch"))
    } catch {
      // The service's own database may be the one that is to be restored.
      guard error.code == "DatabaseMissing" else { throw error }
      connection = try PostgresConnection(Self.patient(hub, "windlass/scratch"))
    }
    return try body(connection)
  }

  /// Options for a session in whose way nobody is: without limits for statements.
  static func patient(_ url: PostgresURL, _ applicationName: String) -> PostgresOptions {
    PostgresOptions(
      url: url, applicationName: applicationName, lockTimeout: Bounds.backupLockWait,
      statementTimeout: .zero, idleTimeout: .zero)
  }
}
