package import WindlassCore

extension Journal {
  /// Opens the journal, making it where there is none, after every hash of it was computed again.
  ///
  /// A head that is one record behind is what a crash between the two writes leaves, and is moved
  /// on; any other difference is refused.
  ///
  /// - Parameters:
  ///   - session: the state database, with every commit durable.
  ///   - head: the path of the head's file, in the same directory.
  package static func open(
    _ session: any DatabaseSession, head: String, retention: JournalRetention = JournalRetention()
  ) async throws(StepFailure) -> Journal {
    let headFile = JournalHeadFile(path: head)
    let opening = JournalOpening(session: session, headFile: headFile)
    let contents: JournalContents
    do throws(StepFailure) {
      contents = try await opening.contents()
    } catch {
      throw opening.translated(error)
    }
    return Journal(
      session: session, headFile: headFile, retention: retention, contents: contents)
  }
}

/// Reads a whole journal and compares it with its head.
private struct JournalOpening {
  let session: any DatabaseSession
  let headFile: JournalHeadFile

  func contents() async throws(StepFailure) -> JournalContents {
    let head = try headFile.read()
    guard head != .unreadable else { throw corrupt("the head can't be understood") }
    let tables = try await rows(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'journal_%' ORDER BY name")
    switch tables.map({ $0.values.first }) {
    case []:
      return try await create(head)
    case [.text("journal_anchor"), .text("journal_records")]:
      return try await compare(verified(anchor()), with: head)
    default:
      throw corrupt("its tables have other names")
    }
  }

  private func create(
    _ head: JournalHeadFile.Reading
  ) async throws(StepFailure) -> JournalContents {
    let contents = JournalContents(anchor: .genesis)
    guard head == .missing || head == .head(contents.head) else {
      throw corrupt("the head names a record, but the database is empty")
    }
    _ = try await session.apply(
      StatementBatch(
        parts: [
          .script(JournalSchema.creation), .execute(JournalAnchor.genesis.replacement),
        ], holdBudget: Bounds.journalHoldBudget))
    try headFile.write(contents.head)
    return contents
  }

  private func anchor() async throws(StepFailure) -> JournalAnchor {
    let rows = try await rows("SELECT format, sequence, hash, carried FROM journal_anchor")
    guard rows.count == 1 else { throw corrupt("it has \(rows.count) anchors") }
    switch JournalAnchor.reading(rows[0]) {
    case .anchor(let anchor): return anchor
    case .newer(let format): throw JournalFailure.newer(format, head: headFile.path)
    case .unreadable: throw corrupt("its anchor can't be understood")
    }
  }

  /// Reads every record and computes the chain again.
  private func verified(_ anchor: JournalAnchor) async throws(StepFailure) -> JournalContents {
    var contents = JournalContents(anchor: anchor)
    var carried: [ChainHash] = []
    var position: Int64 = 0
    while true {
      let page = try await session.rows(
        SQLStatement(
          "SELECT \(JournalSchema.columns) FROM journal_records WHERE sequence > ? "
            + "ORDER BY sequence LIMIT \(Bounds.journalVerifyPage)", [.integer(position)]),
        limit: Bounds.journalVerifyPage)
      for row in page {
        guard let stored = StoredRecord(row) else {
          throw corrupt("the hash of a record after \(position) does not fit what stands in it")
        }
        try follow(stored, &contents, &carried)
        position = Int64(stored.record.sequence)
      }
      guard page.count == Bounds.journalVerifyPage else { break }
    }
    guard ChainHash.of(carried) == anchor.carried else {
      throw corrupt("the records kept from before its anchor are not the ones that were kept")
    }
    return contents
  }

  private func follow(
    _ stored: StoredRecord, _ contents: inout JournalContents, _ carried: inout [ChainHash]
  ) throws(StepFailure) {
    let sequence = stored.record.sequence
    if sequence <= contents.anchor.sequence {
      carried.append(stored.hash)
    } else {
      guard sequence == contents.head.sequence + 1, stored.previous == contents.head.hash else {
        throw corrupt("record \(sequence) does not follow record \(contents.head.sequence)")
      }
      contents.beforeHead = contents.head
      contents.head = JournalHead(sequence: sequence, hash: stored.hash)
    }
    contents.include(stored.record)
  }

  private func compare(
    _ contents: JournalContents, with reading: JournalHeadFile.Reading
  ) throws(StepFailure) -> JournalContents {
    switch reading {
    case .head(contents.head):
      return contents
    case .head(contents.beforeHead):
      // The crash came between the record and the head; the record is whole, and nobody was told.
      try headFile.write(contents.head)
      return contents
    case .head(let head) where head.sequence > contents.head.sequence:
      throw corrupt(
        "the head names record \(head.sequence), but the last one is \(contents.head.sequence)")
    case .head(let head):
      throw corrupt(
        "the head names record \(head.sequence) with another hash than the chain has there, or "
          + "lies more than one record behind \(contents.head.sequence)")
    case .missing where contents.head == JournalContents(anchor: .genesis).head:
      // The crash came between the tables and the first head.
      try headFile.write(contents.head)
      return contents
    case .missing:
      throw corrupt("the head is missing")
    case .unreadable:
      throw corrupt("the head can't be understood")
    }
  }

  /// The failure of a database that can't be read, as one of the journal.
  func translated(_ failure: StepFailure) -> StepFailure {
    switch failure.code {
    case "DatabaseCorrupt", "NotADatabase", "StatementFailed":
      corrupt("the database can't be read (\(failure.message))")
    default: failure
    }
  }

  private func rows(_ text: String) async throws(StepFailure) -> [SQLRow] {
    try await session.rows(SQLStatement(text), limit: 16)
  }

  private func corrupt(_ reason: String) -> StepFailure {
    JournalFailure.corrupt(reason, head: headFile.path)
  }
}
