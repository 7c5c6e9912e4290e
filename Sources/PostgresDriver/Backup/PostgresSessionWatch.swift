package import WindlassCore
import WindlassSchema

/// Looks which databases a rehearsed server has sessions in, as the servers of the databases tell.
package actor PostgresSessionWatch {
  private let executor: BlockingExecutor
  /// Nil where only the copy can be reached.
  private let url: PostgresURL?
  private let scratch: PostgresURL?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Watches the server of the real database, and the one of the copies where that is another.
  ///
  /// - Parameter probe: as whom it looks at the real database; nil for the user of backups.
  package init(_ options: PostgresBackupOptions, as probe: PostgresURL? = nil) {
    url = probe ?? options.url
    scratch = options.scratch
    executor = BlockingExecutor(label: "windlass.watch")
  }

  /// Watches a copy from where nothing else can be reached.
  package init(copy: PostgresURL) {
    url = nil
    scratch = copy
    executor = BlockingExecutor(label: "windlass.watch")
  }

  /// Whether a rehearsed server has a session in its copy now, and whether it has one elsewhere.
  ///
  /// Nobody but a rehearsed server knows its copy's random name, so that whoever is in it is that
  /// server. Elsewhere its sessions are known by the application name that its URL gives them.
  ///
  /// - Parameter copy: the URL that the server was given.
  package func use(
    of copy: String
  ) throws(StepFailure) -> (scratch: Bool, production: Bool) {
    let copy = try PostgresURL(copy)
    if copy.dialect == .cockroachdb { return (try usesCockroach(copy), false) }
    let name = SQLValue.text(copy.database)
    let inside = try PostgresConnection(
      ScratchServer.patient(scratch ?? url ?? copy, "windlass/rehearsal")
    ).scalar(
      """
      SELECT count(*) > 0 FROM pg_stat_activity
      WHERE datname = $1 AND application_name NOT LIKE 'windlass/%'
      """, [name])
    guard let url else { return (inside == .integer(1), false) }
    let outside = try PostgresConnection(ScratchServer.patient(url, "windlass/rehearsal")).scalar(
      "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname <> $1 AND application_name = $2",
      [name, .text(SessionMark.name(of: copy))])
    return (inside == .integer(1), outside == .integer(1))
  }

  /// Whether a session bears the name that only the copy's URL gives. In which database a session
  /// is, CockroachDB does not tell, so that one elsewhere is not seen.
  private func usesCockroach(_ copy: PostgresURL) throws(StepFailure) -> Bool {
    let options = ScratchServer.patient(scratch ?? url ?? copy, "windlass/rehearsal")
    return try PostgresConnection(options).scalar(
      "SELECT count(*) > 0 FROM [SHOW CLUSTER SESSIONS] WHERE application_name = $1",
      [.text(SessionMark.name(of: copy))]) == .integer(1)
  }
}
