import Foundation
import SQLiteDriver
import Testing
import WindlassCore

@testable import WindlassJournal

@Suite struct JournalPruningTests {
  let folder: JournalFolder
  let retention = JournalRetention(recordsKept: 20, payloadKept: 1_000_000, historyKept: 2)

  init() throws { folder = try JournalFolder() }

  @Test func `old records go, and the chain goes on from where they were`() async throws {
    try await append(1...200)
    let records = try await folder.withJournal(retention: retention) {
      try await $0.everything()
    }
    #expect(records.count <= 25 && records.count >= 20)
    #expect(records.map(\.sequence) == Array((201 - UInt64(records.count))...200))
    try await append(201...400)
    let last = try await folder.withJournal { try await $0.everything().last }
    #expect(last?.sequence == 400)
  }

  @Test func `the newest of each kind and the runs of an idle service outlive a pruning`()
    async throws
  {
    try await folder.withJournal(retention: retention) { journal async throws in
      for (number, kind) in JournalKind.allCases.enumerated() {
        for repetition in 1...3 {
          _ = try await journal.append(
            .sample(100 * number + repetition, service: "lantern", kind: kind))
        }
      }
    }
    let before = try await folder.withJournal { try await $0.everything(of: "lantern") }
    try await append(1...100)
    let after = try await folder.withJournal(retention: retention) { journal async throws in
      for kind in JournalKind.allCases {
        #expect(
          try await journal.latest(kind, service: "lantern") == before.last { $0.kind == kind })
      }
      return try await journal.everything(of: "lantern")
    }
    let expected = before.filter { record in
      let newer = before.count { $0.kind == record.kind && $0.sequence > record.sequence }
      return newer < ([.runOpened, .runEnded, .decision].contains(record.kind) ? 2 : 1)
    }
    #expect(after == expected)
  }

  @Test func `many bytes are pruned like many records`() async throws {
    let small = JournalRetention(recordsKept: 1_000, payloadKept: 10_000)
    try await folder.withJournal(retention: small) { journal async throws in
      for number in 1...100 {
        var record = JournalRecord.sample(number)
        record.payload = String(repeating: "x", count: 1_000)
        _ = try await journal.append(record)
      }
      #expect((9...13).contains(try await journal.everything().count))
    }
  }

  @Test func `one record larger than the retention stays`() async throws {
    let tiny = JournalRetention(recordsKept: 1, payloadKept: 1)
    try await folder.withJournal(retention: tiny) { journal async throws in
      for number in 1...5 { _ = try await journal.append(.sample(number)) }
      #expect(try await journal.everything().last?.sequence == 5)
    }
    let last = try await folder.withJournal { try await $0.everything().last }
    #expect(last?.sequence == 5)
  }

  @Test func `a carried record can't be dropped or added unnoticed`() async throws {
    try await folder.withJournal(retention: retention) { journal async throws in
      _ = try await journal.append(.sample(1, service: "lantern", kind: .state))
    }
    try await append(1...100)
    let copy = try JournalFolder()
    try FileManager.default.copyItem(atPath: folder.database, toPath: copy.database)
    try FileManager.default.copyItem(atPath: folder.head, toPath: copy.head)
    try await copy.tamper("DELETE FROM journal_records WHERE service = 'lantern'")
    await #expect { try await copy.withJournal { _ in } } throws: {
      ($0 as? StepFailure)?.code == "JournalCorrupt"
    }
    let kept = try await folder.withJournal { try await $0.everything(of: "lantern") }
    #expect(kept.count == 1)
  }

  private func append(_ numbers: ClosedRange<Int>) async throws {
    try await folder.withJournal(retention: retention) { journal async throws in
      for number in numbers { _ = try await journal.append(.sample(number)) }
    }
  }
}
