package import WindlassCore

/// What the sidecars of a service remember together, in the service's database: a record is
/// appended only while its writer leads, so that who leads next knows of everything that was
/// intended.
package actor DatabaseJournal: RunJournal {
  private let session: any DatabaseSession
  private let dialect: CoordinationDialect
  private let lease: Lease
  /// The number of the newest record; only a leader appends, so that it knows the next one.
  private var newest: Int64
  /// The failure after which nothing is written any more.
  private var poison: StepFailure?
  /// Whose turn it is to append.
  private let turn = ActorTurn()
  /// The latest time of any record when the journal was opened; nil when it held none.
  package nonisolated let newestTime: Timestamp?

  /// Opens the journal for a leader.
  ///
  /// - Parameter lease: its own; the journal is closed to it when another one leads.
  package static func open(
    _ session: any DatabaseSession, _ dialect: CoordinationDialect, under lease: Lease
  ) async throws(StepFailure) -> DatabaseJournal {
    try await DatabaseCoordination(session, dialect).makeTables()
    let rows = try await session.rows(
      SQLStatement("SELECT MAX(number) AS number, MAX(at_ms) AS at_ms FROM \(OwnTables.journal)"),
      limit: 1)
    guard let row = rows.first, case .integer(let number) = row["number"],
      case .integer(let time) = row["at_ms"]
    else { return DatabaseJournal(session, dialect, lease, newest: 0, newestTime: nil) }
    return DatabaseJournal(
      session, dialect, lease, newest: number, newestTime: Timestamp(milliseconds: time))
  }

  private init(
    _ session: any DatabaseSession, _ dialect: CoordinationDialect, _ lease: Lease, newest: Int64,
    newestTime: Timestamp?
  ) {
    self.session = session
    self.dialect = dialect
    self.lease = lease
    self.newest = newest
    self.newestTime = newestTime
  }

  package func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    await turn.take()
    defer { turn.pass() }
    if let poison { throw poison }
    let number = newest + 1
    do throws(StepFailure) {
      guard record.payload.utf8.count <= Bounds.journalPayloadMax else {
        throw StepFailure(
          code: "RecordTooLarge", disposition: .stop,
          message: "a record of \(record.service) has \(record.payload.utf8.count) bytes, and the "
            + "journal takes \(Bounds.journalPayloadMax)")
      }
      _ = try await session.apply(
        StatementBatch(
          parts: writing(record, as: number), holdBudget: Bounds.journalHoldBudget))
      newest = number
      return UInt64(number)
    } catch {
      var failure = error
      // Whether it is durable, who opens the journal next finds out.
      failure.disposition = .stop
      poison = failure
      throw failure
    }
  }

  private func writing(_ record: JournalRecord, as number: Int64) -> [BatchPart] {
    let places = (1...7).map { dialect.parameter($0) }.joined(separator: ", ")
    let insertion = SQLStatement(
      """
      INSERT INTO \(OwnTables.journal) (number, service, run, kind, effect, at_ms, payload)
      VALUES (\(places))
      """,
      [
        .integer(number), .text(record.service.text), text(record.run?.text),
        .text(record.kind.rawValue), text(record.effect?.text), .integer(record.at.milliseconds),
        .blob(Array(record.payload.utf8)),
      ])
    // States are large, and only the newest is ever needed: they must not fill the service's disk.
    let pruning = SQLStatement(
      """
      DELETE FROM \(OwnTables.journal) WHERE number <= \(dialect.parameter(1))
        AND kind = 'state' OR number <= \(dialect.parameter(2))
      """,
      [
        .integer(number - Int64(Bounds.sharedStatesKept)),
        .integer(number - Int64(Bounds.sharedRecordsKept)),
      ])
    return [dialect.requiring(lease), .execute(insertion), .execute(pruning)]
  }

  private func text(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }

  package func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    try await history(service: service, kinds: [kind], limit: 1).first
  }

  package func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    guard !kinds.isEmpty else { return [] }
    // Names of an enum, sorted so that equal questions are equal statements.
    let names = kinds.map { "'\($0.rawValue)'" }.sorted().joined(separator: ",")
    return try await read(
      "WHERE service = \(dialect.parameter(1)) AND kind IN (\(names)) ORDER BY number DESC",
      [.text(service.text)], limit: limit)
  }

  package func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let (first, second) = (dialect.parameter(1), dialect.parameter(2))
    return try await read(
      "WHERE service = \(first) AND number > \(second) ORDER BY number",
      [.text(service.text), .integer(Int64(clamping: sequence))], limit: limit)
  }

  private func read(
    _ clause: String, _ parameters: [SQLValue], limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let limit = min(max(limit, 0), Bounds.journalPageMax)
    let rows = try await session.rows(
      SQLStatement(
        """
        SELECT number, service, run, kind, effect, at_ms, payload FROM \(OwnTables.journal)
        \(clause) LIMIT \(limit)
        """, parameters), limit: limit)
    return try rows.map { (row) throws(StepFailure) in try JournalRecord(shared: row) }
  }
}

extension JournalRecord {
  /// Reads a row of the shared journal.
  fileprivate init(shared row: SQLRow) throws(StepFailure) {
    guard case .integer(let number) = row["number"], let service = row["service"].coordinationText,
      let name = row["kind"].coordinationText, let kind = JournalKind(rawValue: name),
      case .integer(let time) = row["at_ms"], let payload = row["payload"].coordinationText
    else { throw DatabaseCoordination.unreadable(OwnTables.journal) }
    self.init(
      sequence: UInt64(clamping: number), service: ServiceName(service),
      run: row["run"].coordinationText.map { RunID($0) }, kind: kind,
      effect: row["effect"].coordinationText.map { EffectID($0) },
      at: Timestamp(milliseconds: time), payload: payload)
  }
}
