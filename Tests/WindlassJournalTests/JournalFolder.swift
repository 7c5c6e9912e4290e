import Foundation
import SQLiteDriver
import WindlassCore

@testable import WindlassJournal

/// A folder with a journal in it, removed with the value that owns it.
final class JournalFolder: Sendable {
  let path: String

  init() throws {
    // Memory where there is some: thousands of journals are opened, and nothing here loses power.
    let memory = "/dev/shm"
    let parent =
      FileManager.default.isWritableFile(atPath: memory)
      ? memory : FileManager.default.temporaryDirectory.path
    path = parent + "/windlass-journal-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var database: String { path + "/journal.db" }
  var head: String { path + "/journal.head" }

  /// A session as the daemon opens it.
  func session() -> SQLiteSession {
    SQLiteSession(
      SQLiteOptions(
        path: database, access: .create, durability: .full, journalMode: .wal,
        lockDeadline: .seconds(2)))
  }

  /// Opens the journal for the body, and closes it completely behind it.
  func withJournal<Result: Sendable>(
    retention: JournalRetention = JournalRetention(),
    _ body: (Journal) async throws -> Result
  ) async throws -> Result {
    let session = session()
    do {
      let result = try await body(Journal.open(session, head: head, retention: retention))
      await session.close()
      return result
    } catch {
      await session.close()
      throw error
    }
  }

  /// Runs statements on the database behind the journal's back.
  func tamper(_ statements: String...) async throws {
    let session = session()
    for statement in statements {
      _ = try await session.apply(StatementBatch(parts: [.execute(SQLStatement(statement))]))
    }
    await session.close()
  }

  /// Makes an empty database with small pages, so that every bit of it can be flipped in a test.
  func makeSmallPages() async throws {
    let session = SQLiteSession(SQLiteOptions(path: database, access: .create))
    _ = try await session.rows(SQLStatement("PRAGMA page_size=512"), limit: 1)
    _ = try await session.rows(SQLStatement("PRAGMA journal_mode=wal"), limit: 1)
    await session.close()
  }
}

extension JournalRecord {
  /// A record for tests.
  static func sample(
    _ number: Int, service: ServiceName = "beacon", kind: JournalKind = .event
  ) -> JournalRecord {
    JournalRecord(
      service: service, run: number % 2 == 0 ? RunID("run-\(number)") : nil, kind: kind,
      effect: number % 3 == 0 ? EffectID("effect-\(number)") : nil,
      at: Timestamp(milliseconds: 1_000_000 + Int64(number)), payload: "{\"number\":\(number)}")
  }
}

extension Journal {
  /// Everything that a reader can see of one service.
  func everything(of service: ServiceName = "beacon") async throws -> [JournalRecord] {
    try await records(service: service, after: 0, limit: Bounds.journalPageMax)
  }
}
