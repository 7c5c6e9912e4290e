package import WindlassCore
package import WindlassSchema

/// A service's MySQL or MariaDB database as the steps of a run use it.
///
/// Every step works on a connection of its own, so that nothing of a lost one is left over.
package actor MySQLServiceDatabase: ServiceDatabase {
  private let executor: BlockingExecutor
  private let options: MySQLServiceOptions
  private let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp
  private let checkpoint: @Sendable (String) -> Void
  /// The server that the first step met.
  private var server: String?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes the database's face to the steps; nothing is connected yet.
  ///
  /// - Parameters:
  ///   - locate: finds the unpacked migration directory of an archive.
  ///   - now: the run's clock, which stamps readings and history.
  ///   - checkpoint: called at each point at which a test may cut the work off.
  package init(
    _ options: MySQLServiceOptions, locate: @escaping MigrationLocator,
    now: @escaping @Sendable () -> Timestamp,
    checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.options = options
    self.locate = locate
    self.now = now
    self.checkpoint = checkpoint
    executor = BlockingExecutor(label: "windlass.mysql-database")
  }

  package func inspect() async throws(StepFailure) -> LedgerReading {
    let asOf = now()
    let ledger = options.ledger
    let connection = try connect("inspect", reads: true)
    // What this user may not see is left out of every list, and would be taken for missing.
    let rights = options.probe == nil ? nil : try MySQLRights(connection)
    let locks = MySQLLocks(connection: connection, ledger: ledger)
    return try DirtyMark.reading { () throws(StepFailure) in
      try Self.reading(on: connection, ledger, rights, asOf: asOf)
    } underLock: { () throws(StepFailure) in
      try locks.take(locks.sharedName)
      defer { locks.release(locks.sharedName) }
      return try Self.reading(on: connection, ledger, rights, asOf: asOf)
    }
  }

  private static func reading(
    on connection: MySQLConnection, _ ledger: MySQLLedger, _ rights: MySQLRights?, asOf: Timestamp
  ) throws(StepFailure) -> LedgerReading {
    try connection.snapshot { connection throws(StepFailure) in
      let own = MySQLOwnSchema(connection: connection, ledger: ledger)
      let tables = try own.tables()
      try rights?.requireReading(tables)
      let (version, isDirty) = try own.ledgerRow(tables)
      let interrupted = isDirty ? try own.interrupted(tables) : nil
      let isOurs = interrupted.map { $0.version == version } ?? false
      return LedgerReading(
        // What is under way is not applied yet.
        version: isOurs ? interrupted?.after : version, isDirty: isDirty,
        epoch: try own.epoch(tables),
        applied: try own.history(tables).map {
          AppliedMigration(version: $0.version, checksum: $0.checksum, run: $0.run)
        },
        committedRun: try own.committedRun(tables), hasTables: try own.hasServiceTables(),
        systemID: try own.systemID(tables), asOf: asOf,
        interruptedRun: isOurs ? interrupted?.run : nil,
        backfill: try own.begunBackfill(on: version, tables))
    }
  }

  package func takeFence(
    after current: Epoch?, run: RunID
  ) async throws(StepFailure) -> Epoch {
    let next = current?.next ?? Epoch(1)
    let work = try work("fence")
    try await work.retrying(epoch: next) { () throws(StepFailure) -> Void in
      let own = try work.own()
      try MySQLRights(own.connection).requireMigrating()
      try own.requireEpoch(current)
      try own.create()
      try own.connection.transaction { _ throws(StepFailure) in
        try own.requireEpoch(current)
        try own.setEpoch(next, holder: run)
      }
    }
    return next
  }

  package func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    let time = now()
    let work = try work("commit-point")
    try await work.retrying(epoch: epoch) { () throws(StepFailure) -> Void in
      let own = try work.own()
      try own.connection.transaction { _ throws(StepFailure) in
        try own.requireEpoch(epoch)
        try own.recordCommitPoint(run, epoch: epoch, at: time)
      }
    }
  }

  package func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    let directory = try PlanCheck.directory(of: order.archive, locate: locate)
    let body = try directory.body(of: order.migration.version)
    let phase = try body.phase(manifest: order.migration.phase)
    if let refusal = options.refusal(of: body) { throw refusal }
    let step = MigrationStep(
      body: body, phase: phase, run: order.run, fence: .epoch(order.epoch), after: order.after,
      startedAt: now())
    let (options, checkpoint) = (options, checkpoint)
    let work = try work("\(order.run)/\(body.version)")
    if let backfill = try Backfill(body, dialect: .mysql) {
      return try await carryOn(
        BackfillStep(step: step, backfill: backfill, pace: options.backfillPace), order, directory,
        work, while: goesOn)
    }
    try await work.retrying(epoch: order.epoch) { () throws(StepFailure) -> Void in
      try work.withSharedLock { () throws(StepFailure) -> Void in
        let own = try work.own()
        try MySQLRights(own.connection).requireMigrating(body.text)
        let tables = try own.tables()
        let history = try own.history(tables)
        try MigrationHistory.check(directory, against: history, ledger: order.after)
        if !history.contains(where: { $0.version == body.version }),
          tables.contains(OwnTables.catalogue)
        {
          try own.requireEpoch(order.epoch)
          try own.forgetCatalogue()
        }
        let execution = MySQLExecution(
          connection: own.connection, options: options, step: step, checkpoint: checkpoint)
        _ = try execution.perform()
        try own.recordCatalogue()
      }
    }
    return nil
  }

  /// Carries a backfill on, and records the schema when it is done.
  private func carryOn(
    _ step: BackfillStep, _ order: MigrationOrder, _ directory: MigrationDirectory,
    _ work: MySQLWork, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    try await work.retrying(epoch: order.epoch) { () throws(StepFailure) -> Void in
      try MigrationHistory.check(directory, against: work.own().history(), ledger: order.after)
    }
    let outcome = try await MySQLBackfill(step, work, checkpoint: checkpoint)
      .carryOn(while: goesOn)
    guard outcome.isFinished else { return outcome.progress }
    try await work.retrying(epoch: order.epoch) { () throws(StepFailure) in
      try work.own().recordCatalogue()
    }
    return nil
  }

  package func preflight(_ plan: Plan) async throws(StepFailure) {
    let directory = try PlanCheck.directory(of: plan, engine: "mysql", locate: locate)
    let options = options
    let connection = try connect("preflight")
    let locks = MySQLLocks(connection: connection, ledger: options.ledger)
    try DirtyMark.settled { () throws(StepFailure) in
      try compare(plan, with: directory, on: connection)
    } underLock: { () throws(StepFailure) in
      try locks.takeToLook()
      defer { locks.release(locks.sharedName) }
      try compare(plan, with: directory, on: connection)
    }
    var bodies: [String] = []
    for migration in directory == nil ? [] : plan.migrations {
      if let body = try directory?.body(of: migration.version) { bodies.append(body.text) }
    }
    try MySQLRoleCheck(options, connection).all(bodies)
    _ = try MySQLReplicas(options).sights(beside: connection)
    try refuseLongTransactions(connection)
  }

  /// The parts of preflight that compare the plan with the database, all on one snapshot.
  private func compare(
    _ plan: Plan, with directory: MigrationDirectory?, on connection: MySQLConnection
  ) throws(StepFailure) {
    let options = options
    let name = options.address.name
    try connection.snapshot { connection throws(StepFailure) in
      let own = MySQLOwnSchema(connection: connection, ledger: options.ledger)
      let tables = try own.tables()
      let (version, isDirty) = try own.ledgerRow(tables)
      try PlanCheck.ledger(version, isDirty: isDirty, plan: plan, database: name)
      if let directory {
        try PlanCheck.files(
          in: directory, plan: plan, history: own.history(tables), refusal: options.refusal)
      }
      if let drift = try own.drift(tables) {
        throw drift.failure(database: name, reference: options.address.publicURL)
      }
    }
  }

  /// Fails while somebody keeps a transaction open for so long that no change of a table would get
  /// its lock.
  private func refuseLongTransactions(_ connection: MySQLConnection) throws(StepFailure) {
    let limit = Bounds.preflightTransactionAgeMax.milliseconds / 1_000
    let rows = try connection.rows(
      """
      SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS age
      FROM information_schema.INNODB_TRX
      WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID())
        AND trx_started < NOW() - INTERVAL \(limit) SECOND
      ORDER BY trx_started LIMIT 1
      """)
    guard let row = rows.first else { return }
    throw StepFailure(
      code: "WriterActive", disposition: .wait,
      message: "Session \(row.text("id")) on \(options.address.name) has had a transaction open for"
        + " \(row.text("age")) s, which may keep every change of a table waiting; it may be a"
        + " dump. Wait for its end, or end it.")
  }

  // MARK: Connections

  private func work(_ name: String) throws(StepFailure) -> MySQLWork {
    _ = try connect(name)
    return MySQLWork(options, name: name)
  }

  /// A connection to the server that the first step met, and to no other.
  private func connect(
    _ step: String, reads: Bool = false
  ) throws(StepFailure) -> MySQLConnection {
    let connection = try reads ? options.connectToRead(step) : options.connect(step)
    let identity = try connection.serverIdentity()
    if let server, server != identity {
      throw StepFailure(
        code: "ServerChanged", disposition: .stop,
        message: "\(options.address.name) is answered by another server (\(identity)) than before"
          + " (\(server)), which may lack what was written last. Nothing was changed. Find out"
          + " which one is right, then start again.")
    }
    server = identity
    return connection
  }
}
