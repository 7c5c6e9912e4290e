import Foundation
import SQLiteDriver
import Testing
import WindlassCore

@testable import WindlassJournal

@Suite struct JournalTests {
  let folder: JournalFolder

  init() throws { folder = try JournalFolder() }

  @Test func `appends from many tasks are one chain`() async throws {
    let sequences = try await folder.withJournal { journal async throws in
      try await withThrowingTaskGroup(of: UInt64.self) { group in
        for number in 1...40 { group.addTask { try await journal.append(.sample(number)) } }
        return try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
      }
    }
    #expect(sequences == Set(1...40))
    try await folder.withJournal { journal async throws in
      #expect(try await journal.everything().map(\.sequence) == Array(1...40))
    }
  }

  @Test func `text of any shape survives, and no two records share a hash input`() async throws {
    let payloads = ["", "\u{0}", "née\u{301}e", "\"\\\n", String(repeating: "x", count: 100_000)]
    try await folder.withJournal { journal async throws in
      for payload in payloads {
        _ = try await journal.append(
          JournalRecord(
            service: "beacon", kind: .event, at: Timestamp(milliseconds: -1), payload: payload))
      }
      #expect(try await journal.everything().map(\.payload) == payloads)
    }
    let one = JournalRecord(
      service: "a", run: "b", kind: .event, at: Timestamp(milliseconds: 0), payload: "")
    var other = one
    (other.service, other.run) = ("ab", "")
    #expect(
      ChainHash.of(one, previous: .genesis) != ChainHash.of(other, previous: .genesis))
    other = one
    (other.run, other.effect) = (nil, "b")
    #expect(
      ChainHash.of(one, previous: .genesis) != ChainHash.of(other, previous: .genesis))
  }

  @Test func `a record that is too large is refused and the journal goes on`() async throws {
    try await folder.withJournal { journal async throws in
      var record = JournalRecord.sample(1)
      record.payload = String(repeating: "x", count: Bounds.journalPayloadMax + 1)
      await #expect { try await journal.append(record) } throws: {
        ($0 as? StepFailure)?.code == "RecordTooLarge"
      }
      #expect(try await journal.append(.sample(1)) == 1)
    }
  }

  @Test func `the embedded tables are those of the migration's file`() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Migrations/state/sqlite/0001_journal.up.sql")
    #expect(try String(contentsOf: file, encoding: .utf8) == JournalSchema.creation)
  }
}
