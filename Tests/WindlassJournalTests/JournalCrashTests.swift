import Foundation
import SQLiteDriver
import Testing
import WindlassCore

@testable import WindlassJournal

@Suite struct JournalCrashTests {
  let folder: JournalFolder

  init() throws { folder = try JournalFolder() }

  @Test func `a crash between a record and the head loses nothing`() async throws {
    let heads = try await heads(after: 3)
    try heads[2].write(to: URL(filePath: folder.head))
    try await folder.withJournal { journal async throws in
      #expect(try await journal.everything().count == 3)
      #expect(try await journal.append(.sample(4)) == 4)
    }
    try await folder.withJournal { journal async throws in
      #expect(try await journal.everything().count == 4)
    }
  }

  @Test func `a crash before the first head makes the journal again`() async throws {
    try await folder.withJournal { _ in }
    try FileManager.default.removeItem(atPath: folder.head)
    let sequence = try await folder.withJournal { try await $0.append(.sample(1)) }
    #expect(sequence == 1)
  }

  @Test func `a head two records behind is refused`() async throws {
    let heads = try await heads(after: 3)
    try heads[1].write(to: URL(filePath: folder.head))
    await #expect(throws: StepFailure.self) { try await folder.withJournal { _ in } }
  }

  @Test func `a half-written new head is ignored`() async throws {
    _ = try await heads(after: 2)
    try Data("windlass-journal-head 1 3 ab".utf8).write(to: URL(filePath: folder.head + ".new"))
    let sequence = try await folder.withJournal { try await $0.append(.sample(3)) }
    #expect(sequence == 3)
  }

  @Test func `after a head that could not be written nothing more is`() async throws {
    try await folder.withJournal { journal async throws in
      #expect(try await journal.append(.sample(1)) == 1)
      // A folder where the new head would be made stops its writing, even for the superuser.
      try FileManager.default.createDirectory(
        atPath: folder.head + ".new", withIntermediateDirectories: false)
      await #expect { try await journal.append(.sample(2)) } throws: {
        ($0 as? StepFailure)?.code == "JournalFailed"
      }
      try FileManager.default.removeItem(atPath: folder.head + ".new")
      for _ in 1...2 {
        await #expect { try await journal.append(.sample(3)) } throws: {
          ($0 as? StepFailure)?.code == "JournalPoisoned"
        }
      }
    }
    // The record whose head was missing may be there or not; it is whole.
    try await folder.withJournal { journal async throws in
      #expect(try await journal.everything().map(\.payload).last == "{\"number\":2}")
      #expect(try await journal.append(.sample(3)) == 3)
    }
  }

  @Test func `after a database that could not be written nothing more is`() async throws {
    try await folder.withJournal { journal async throws in
      _ = try await journal.append(.sample(1))
      try await folder.tamper(
        "CREATE TRIGGER full BEFORE INSERT ON journal_records "
          + "BEGIN SELECT RAISE(ABORT, 'full'); END"
      )
      await #expect(throws: StepFailure.self) { try await journal.append(.sample(2)) }
      try await folder.tamper("DROP TRIGGER full")
      await #expect { try await journal.append(.sample(2)) } throws: {
        ($0 as? StepFailure)?.code == "JournalPoisoned"
      }
    }
    try await folder.withJournal { journal async throws in
      #expect(try await journal.everything().count == 1)
    }
  }

  /// Appends records and gives the head's file before the first and after each.
  private func heads(after count: Int) async throws -> [Data] {
    try await folder.withJournal { journal async throws in
      var heads = [try Data(contentsOf: URL(filePath: folder.head))]
      for number in 1...count {
        _ = try await journal.append(.sample(number))
        heads.append(try Data(contentsOf: URL(filePath: folder.head)))
      }
      return heads
    }
  }
}
