package import WindlassCore

/// The daemon's journal: a chain of records in a state database, and the chain's head in a file
/// apart from it.
///
/// A record is in the database, with a hash over itself and everything before it, before the head
/// names it; both are on the disk before `append` returns. The session must make every commit
/// durable (`synchronous=FULL`).
package actor Journal: RunJournal {
  let session: any DatabaseSession
  let headFile: JournalHeadFile
  let retention: JournalRetention
  var contents: JournalContents
  private let executor = JournalExecutor()
  /// The failure after which nothing is written any more.
  private var poison: StepFailure?
  /// Whose turn it is to append.
  private let turn = ActorTurn()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  init(
    session: any DatabaseSession, headFile: JournalHeadFile, retention: JournalRetention,
    contents: JournalContents
  ) {
    self.session = session
    self.headFile = headFile
    self.retention = retention
    self.contents = contents
  }

  /// The latest time of any record; a clock that starts from it never goes back.
  package func newestTime() -> Timestamp? { contents.newest }

  package func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    await turn.take()
    defer { turn.pass() }
    if let poison { throw JournalFailure.poisoned(by: poison) }
    guard record.payload.utf8.count <= Bounds.journalPayloadMax else {
      throw JournalFailure.tooLarge(record)
    }
    do throws(StepFailure) {
      let sequence = try await write(record)
      return sequence
    } catch {
      poison = error
      throw error
    }
  }

  package func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    contents.latest[JournalContents.Subject(service: service, kind: kind)]
  }

  package func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    // Names of an enum, sorted so that equal questions are equal statements.
    let names = kinds.map { "'\($0.rawValue)'" }.sorted().joined(separator: ",")
    return try await read(
      "WHERE service = ? AND kind IN (\(names)) ORDER BY sequence DESC",
      [.text(service.text)], limit: limit)
  }

  package func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    try await read(
      "WHERE service = ? AND sequence > ? ORDER BY sequence",
      [.text(service.text), .integer(Int64(clamping: sequence))], limit: limit)
  }

  private func write(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    var record = record
    record.sequence = contents.head.sequence + 1
    let stored = StoredRecord(record, after: contents.head.hash)
    let head = JournalHead(sequence: record.sequence, hash: stored.hash)
    _ = try await session.apply(
      StatementBatch(
        parts: [.execute(stored.insertion)], holdBudget: Bounds.journalHoldBudget))
    try headFile.write(head)
    contents.head = head
    contents.include(record)
    try await pruneIfNeeded()
    return record.sequence
  }

  private func read(
    _ clause: String, _ parameters: [SQLValue], limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let limit = min(max(limit, 0), Bounds.journalPageMax)
    let query = SQLStatement(
      "SELECT \(JournalSchema.columns) FROM journal_records \(clause) LIMIT \(limit)", parameters)
    let rows = try await session.rows(query, limit: limit)
    var records: [JournalRecord] = []
    for row in rows {
      guard let stored = StoredRecord(row) else {
        throw JournalFailure.corrupt(
          "a record's hash does not fit what stands in it", head: headFile.path)
      }
      records.append(stored.record)
    }
    return records
  }
}
