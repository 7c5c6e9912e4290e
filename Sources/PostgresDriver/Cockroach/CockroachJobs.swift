import WindlassCore
import WindlassSchema

/// A job in which the server changes the schema.
struct CockroachJob: Hashable {
  var id: Int64
  var description: String
  var status: String
  var error: String

  /// Whether it ended without its change.
  var hasFailed: Bool { ["failed", "canceled", "revert-failed", "reverting"].contains(status) }
  /// Whether it waits for a person.
  var isPaused: Bool { ["paused", "pause-requested"].contains(status) }
  /// Whether nothing more comes of it.
  var isOver: Bool { ["succeeded", "failed", "canceled", "revert-failed"].contains(status) }
}

extension PostgresConnection {
  /// Jobs that change schemas and were begun at that moment or later; without a moment, those that
  /// are not over. What removes old data afterwards is none.
  ///
  /// The clocks of the nodes may differ by half a second.
  func schemaJobs(since moment: Timestamp? = nil) throws(StepFailure) -> [CockroachJob] {
    let condition =
      moment.map { "extract(epoch FROM created) * 1000 >= \($0.milliseconds - 1_000)" }
      ?? "finished IS NULL"
    let rows = try rows(
      """
      SELECT job_id, description, status, coalesce(error, '') FROM [SHOW JOBS]
      WHERE job_type IN ('SCHEMA CHANGE', 'NEW SCHEMA CHANGE', 'TYPEDESC SCHEMA CHANGE')
        AND \(condition) ORDER BY job_id
      """)
    return rows.map { row in
      CockroachJob(
        id: row.values[0].integer ?? 0, description: row.values[1].text ?? "",
        status: row.values[2].text ?? "", error: row.values[3].text ?? "")
    }
  }

  /// Waits until the jobs of a statement are over, and returns them as they ended.
  ///
  /// A job that names neither the database nor anything of the statement is not the statement's.
  ///
  /// - Throws: `SchemaChangePaused` for one that a person has stopped.
  func finishedJobs(
    of statement: PostgresStatement, since moment: Timestamp
  ) throws(StepFailure) -> [CockroachJob] {
    let names = statement.objectNames.union([server.database.lowercased()])
    func mine() throws(StepFailure) -> [CockroachJob] {
      try schemaJobs(since: moment).filter { job in
        !names.isDisjoint(with: job.description.nameParts)
      }
    }
    while true {
      let jobs = try mine()
      if let paused = jobs.first(where: \.isPaused) { throw self.paused(paused) }
      let open = jobs.filter { !$0.isOver }
      if open.isEmpty { return jobs }
      let list = open.map { String($0.id) }.joined(separator: ", ")
      _ = try rows("SHOW JOBS WHEN COMPLETE SELECT unnest(ARRAY[\(list)])")
    }
  }

  private func paused(_ job: CockroachJob) -> StepFailure {
    StepFailure(
      code: "SchemaChangePaused", disposition: .wait,
      message: "Job \(job.id) on \(place) (\(job.description.prefix(120))) is paused, and the"
        + " migration can't go on before it ends. Let it go on with RESUME JOB \(job.id), or give"
        + " it up with CANCEL JOB \(job.id); then run the migration again.")
  }
}

extension String {
  /// Everything in a text that may be a name, folded.
  var nameParts: Set<String> {
    Set(lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init))
  }
}

extension PostgresStatement {
  /// Every name in it, folded; keywords are among them.
  var objectNames: Set<String> {
    Set(
      tokens.filter { $0.kind == .word || $0.kind == .quotedName }.map { $0.text.lowercased() }
    ).subtracting(Self.keywords)
  }

  private static let keywords: Set<String> = [
    "add", "alter", "as", "by", "cascade", "check", "column", "constraint", "create", "default",
    "drop", "exists", "foreign", "if", "in", "index", "int", "integer", "key", "not", "null", "on",
    "primary", "references", "rename", "schema", "set", "string", "table", "text", "to", "type",
    "unique", "using", "view",
  ]
}
