import SQLiteDriver
import Synchronization
import Testing
import WindlassContracts
import WindlassCore

@testable import WindlassJournal

/// The contract of a journal, in a real file.
struct JournalContractTests {
  @Test(arguments: RunJournalContract.clauses)
  func `the journal keeps its contract`(clause: RunJournalContract.Clause) async throws {
    let subject = try JournalSubject()
    try await clause.check(subject)
    await subject.close()
  }
}

/// A journal in a folder, opened anew by each daemon.
final class JournalSubject: RunJournalSubject {
  private let folder: JournalFolder
  private let current = Mutex<BreakableSession?>(nil)

  init() throws { folder = try JournalFolder() }

  func open() async throws -> any RunJournal {
    await close()
    let session = BreakableSession(folder.session())
    current.withLock { $0 = session }
    return try await Journal.open(session, head: folder.head)
  }

  func breakDisk() async throws {
    let session = try #require(current.withLock { $0 })
    await session.breakDisk()
  }

  func close() async {
    let session = current.withLock { session in
      defer { session = nil }
      return session
    }
    await session?.close()
  }
}

/// A session whose disk may fill up.
actor BreakableSession: DatabaseSession {
  private let session: SQLiteSession
  private var isBroken = false

  init(_ session: SQLiteSession) { self.session = session }

  func breakDisk() { isBroken = true }
  func close() async { await session.close() }

  func apply(_ batch: StatementBatch) async throws(StepFailure) -> BatchOutcome {
    guard !isBroken else {
      throw StepFailure(code: "DiskFull", disposition: .stop, message: "no space is left")
    }
    return try await session.apply(batch)
  }

  func rows(_ query: SQLStatement, limit: Int) async throws(StepFailure) -> [SQLRow] {
    try await session.rows(query, limit: limit)
  }
}
