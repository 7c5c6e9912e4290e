package import WindlassCore
import WindlassSchema

extension PostgresServiceDatabase {
  package func preflight(_ plan: Plan) async throws(StepFailure) {
    let options = options
    let engine = options.url.dialect.engine
    let directory = try PlanCheck.directory(of: plan, engine: engine, locate: locate)
    let connection = try options.connect(for: "preflight", expecting: system)
    let place = try options.ledger.located(on: connection)
    let ledger = SettledLedger(connection: connection, place: place, options: options)
    try ledger.read { own throws(StepFailure) in
      let check = PostgresPreflight(own: own, options: options, plan: plan)
      // First, because whoever migrates now marks the ledger meanwhile.
      if own.connection.dialect == .postgres { try check.keys() }
      try check.ledger()
      if let directory { try check.files(in: directory) }
      try check.drift()
      try check.privileges(in: directory)
      switch own.connection.dialect {
      case .postgres: try check.longTransactions()
      case .cockroachdb: try check.cockroach()
      }
    }
    if connection.dialect == .postgres { try PostgresRoleCheck(options, connection).all() }
  }
}

/// The parts of preflight, all on one snapshot.
private struct PostgresPreflight {
  let own: PostgresOwnSchema
  let options: PostgresServiceOptions
  let plan: Plan

  private var connection: PostgresConnection { own.connection }

  func ledger() throws(StepFailure) {
    try PlanCheck.ledger(
      own.settledVersion(), isDirty: false, plan: plan, database: connection.place)
  }

  func files(in directory: MigrationDirectory) throws(StepFailure) {
    try PlanCheck.files(in: directory, plan: plan, history: own.history()) { body in
      PostgresMigration.refusal(of: body, options)
    }
  }

  func drift() throws(StepFailure) {
    if let drift = try own.drift() { throw drift.failure(options.url) }
  }

  /// Whether the user may make Windlass's tables, change the ledger and the tables that the plan's
  /// migrations name, and see who would be in their way.
  func privileges(in directory: MigrationDirectory?) throws(StepFailure) {
    let rights = try PostgresRights(connection)
    try rights.requireWriting(own)
    guard let directory else { return }
    var statements: [PostgresStatement] = []
    for migration in plan.migrations {
      let body = try directory.body(of: migration.version)
      // A text that can't be cut was refused before.
      statements += (try? PostgresStatement.split(body.text, connection.dialect)) ?? []
    }
    try rights.requireChanging(by: statements, own.place)
    if !plan.migrations.isEmpty { try rights.requireSeeingSessions() }
  }

  /// Whether somebody migrates now.
  func keys() throws(StepFailure) {
    guard !plan.migrations.isEmpty else { return }
    let list = own.place.keys.map(String.init).joined(separator: ",")
    let row = try connection.rows(
      """
      SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid::bigint << 32 | l.objid::bigint = ANY ('{\(list)}') LIMIT 1
      """
    ).first
    guard let row else { return }
    throw StepFailure(
      code: "MigrationRunning", disposition: .wait,
      message: "Process \(row.values[0].integer ?? 0) (\(row.values[1].text ?? "")) on"
        + " \(connection.place) holds golang-migrate's lock: another migration runs.")
  }

  /// Whether somebody migrates a CockroachDB database now, or a change of its schema goes on.
  func cockroach() throws(StepFailure) {
    guard !plan.migrations.isEmpty else { return }
    if let job = try connection.schemaJobs().first {
      throw StepFailure(
        code: "SchemaChangeRunning", disposition: .wait,
        message: "On \(connection.place) job \(job.id) changes a schema (\(job.status):"
          + " \(job.description.prefix(120))). It is waited for; SHOW JOBS shows it.")
    }
    do throws(StepFailure) {
      try CockroachHolder.requireNone(own)
    } catch {
      var failure = error
      failure.disposition = .wait
      throw failure
    }
  }

  /// Transactions so long that a migration would not get its locks beside them, and dumps.
  func longTransactions() throws(StepFailure) {
    guard !plan.migrations.isEmpty else { return }
    let rows = try connection.rows(
      """
      SELECT pid, application_name,
        floor(extract(epoch FROM clock_timestamp() - xact_start))::bigint
      FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND xact_start IS NOT NULL
        AND (xact_start < clock_timestamp() - $1::bigint * interval '1 millisecond'
          OR application_name IN ('pg_dump', 'pg_dumpall'))
      ORDER BY xact_start
      """, [.integer(Bounds.longTransaction.milliseconds)])
    guard !rows.isEmpty else { return }
    let names = rows.prefix(Bounds.blockersNamedMax).map { row in
      "process \(row.values[0].integer ?? 0) (\(row.values[1].text ?? ""), open for"
        + " \(row.values[2].integer ?? 0) s)"
    }
    throw StepFailure(
      code: "LongTransaction", disposition: .wait,
      message: "On \(connection.place) transactions are open beside which a migration may not get"
        + " its locks: \(names.joined(separator: ", ")). Wait for them, or end them.")
  }
}
