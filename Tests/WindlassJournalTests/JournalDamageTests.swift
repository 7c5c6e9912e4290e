import Foundation
import SQLiteDriver
import Testing
import WindlassCore

@testable import WindlassJournal

/// What was damaged is refused, or was no damage; nothing in between.
@Suite(.serialized) struct JournalDamageTests {
  let folder: JournalFolder

  init() throws { folder = try JournalFolder() }

  @Test func `every single-bit flip is refused or changes no record`() async throws {
    let original = try await write(4, smallPages: true)
    let database = try Data(contentsOf: URL(filePath: folder.database))
    let head = try Data(contentsOf: URL(filePath: folder.head))
    var refused = 0
    var identical = 0
    for bit in 0..<(database.count * 8) {
      let outcome = try await outcome(database: flipped(database, bit), head: head)
      switch outcome {
      case .refused: refused += 1
      case .reads(let records):
        guard records == original else {
          Issue.record("bit \(bit) of the database gave other records")
          return
        }
        identical += 1
      }
    }
    for bit in 0..<(head.count * 8) {
      let outcome = try await outcome(database: database, head: flipped(head, bit))
      #expect(outcome == .refused, "bit \(bit) of the head was not noticed")
    }
    #expect(refused > 100 && identical > 100, "\(refused) refused, \(identical) identical")
  }

  @Test func `one flip in 61 of a log that was not yet taken over is refused or changes no record`()
    async throws
  {
    let session = folder.session()
    let journal = try await Journal.open(session, head: folder.head)
    for number in 1...3 { _ = try await journal.append(.sample(number)) }
    let original = try await journal.everything()
    let log = try Data(contentsOf: URL(filePath: folder.database + "-wal"))
    let database = try Data(contentsOf: URL(filePath: folder.database))
    let head = try Data(contentsOf: URL(filePath: folder.head))
    await session.close()
    var refused = 0
    for bit in stride(from: 0, to: log.count * 8, by: 61) {
      switch try await outcome(database: database, head: head, log: flipped(log, bit)) {
      case .refused: refused += 1
      case .reads(let records): #expect(records == original, "bit \(bit) gave other records")
      }
    }
    #expect(refused > 50)
  }

  @Test(arguments: 1...5)
  func `records cut off at the end are missed`(kept: Int) async throws {
    _ = try await write(6)
    try await folder.tamper("DELETE FROM journal_records WHERE sequence > \(kept)")
    await expectCorrupt("the head names record 6")
  }

  @Test func `a journal without any of its records is refused`() async throws {
    _ = try await write(6)
    try await folder.tamper("DELETE FROM journal_records")
    await expectCorrupt("the head names record 6")
    for suffix in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: folder.database + suffix)
    }
    await expectCorrupt("the database is empty")
  }

  @Test func `a record cut out of the middle or the beginning is missed`() async throws {
    _ = try await write(6)
    try await folder.tamper("DELETE FROM journal_records WHERE sequence = 1")
    await expectCorrupt("does not follow")
  }

  @Test(arguments: [
    "payload = '{}'", "run = NULL", "run = 'other'", "kind = 'intent'", "effect = 'e'",
    "service = 'lantern'", "at = at + 1", "sequence = 60", "previous = zeroblob(32)",
    "hash = zeroblob(32)", "payload = NULL", "payload = CAST(payload AS BLOB)", "at = 'now'",
    "kind = 'other'", "hash = 'x'",
  ])
  func `a changed column is noticed`(change: String) async throws {
    _ = try await write(6)
    do {
      try await folder.tamper("UPDATE journal_records SET \(change) WHERE sequence = 6")
    } catch let failure as StepFailure {
      // The table itself refuses what may not be null.
      #expect(failure.code == "ConstraintViolated")
      return
    }
    await expectCorrupt("")
  }

  @Test func `a record changed while the journal is open is noticed when it is read`() async throws
  {
    _ = try await write(3)
    try await folder.withJournal { journal async throws in
      try await folder.tamper("UPDATE journal_records SET payload = '[]' WHERE sequence = 2")
      await #expect { try await journal.everything() } throws: {
        ($0 as? StepFailure)?.code == "JournalCorrupt"
      }
    }
  }

  @Test func `a missing head is refused`() async throws {
    _ = try await write(1)
    try FileManager.default.removeItem(atPath: folder.head)
    await expectCorrupt("the head is missing")
  }

  @Test func `a newer format is refused by name`() async throws {
    _ = try await write(1)
    try await folder.tamper("UPDATE journal_anchor SET format = 2")
    await #expect { try await folder.withJournal { _ in } } throws: {
      ($0 as? StepFailure)?.code == "JournalNewer"
    }
  }

  private enum Outcome: Equatable {
    case refused
    case reads([JournalRecord])
  }

  /// Opens a copy of the journal, and reads it all.
  private func outcome(
    database: Data, head: Data, log: Data? = nil
  ) async throws -> Outcome {
    let copy = try JournalFolder()
    try database.write(to: URL(filePath: copy.database))
    try head.write(to: URL(filePath: copy.head))
    try log?.write(to: URL(filePath: copy.database + "-wal"))
    do {
      return .reads(try await copy.withJournal { try await $0.everything() })
    } catch is StepFailure {
      return .refused
    }
  }

  private func flipped(_ data: Data, _ bit: Int) -> Data {
    var data = data
    data[bit / 8] ^= 1 << UInt8(bit % 8)
    return data
  }

  private func write(_ count: Int, smallPages: Bool = false) async throws -> [JournalRecord] {
    if smallPages { try await folder.makeSmallPages() }
    return try await folder.withJournal { journal async throws in
      for number in 1...count { _ = try await journal.append(.sample(number)) }
      return try await journal.everything()
    }
  }

  private func expectCorrupt(
    _ reason: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    await #expect(sourceLocation: sourceLocation) {
      try await folder.withJournal { _ in }
    } throws: {
      guard let failure = $0 as? StepFailure, failure.code == "JournalCorrupt" else { return false }
      return reason.isEmpty || failure.message.contains(reason)
    }
  }
}
