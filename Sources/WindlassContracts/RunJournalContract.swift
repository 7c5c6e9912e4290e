import Testing
package import WindlassCore

/// A journal for one clause: empty.
package protocol RunJournalSubject: Sendable {
  /// Opens the journal as a daemon that starts does; whoever had it open is gone by then.
  func open() async throws -> any RunJournal

  /// From now on nothing more can be written.
  func breakDisk() async throws
}

/// What a daemon may rely on when it remembers.
package enum RunJournalContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any RunJournalSubject>

  /// Every clause; each wants a new subject.
  package static let clauses: [Clause] = [
    Clause("records come back as they were appended, numbered from one, after a restart too") {
      subject in
      let written = try await append(to: subject.open(), count: 7)
      #expect(written.map(\.sequence) == Array(1...7))
      let journal = try await subject.open()
      #expect(try await journal.records(service: "beacon", after: 0, limit: 100) == written)
      #expect(try await journal.append(.sample(8)) == 8)
    },
    Clause("reading goes on behind a record, within its limit") { subject in
      let journal = try await subject.open()
      let written = try await append(to: journal, count: 7)
      let page = try await journal.records(service: "beacon", after: 4, limit: 2)
      #expect(page == Array(written[4...5]))
      #expect(try await journal.records(service: "beacon", after: 7, limit: 2) == [])
    },
    Clause("the newest record of a kind is told, or that there is none") { subject in
      let journal = try await subject.open()
      #expect(try await journal.latest(.state, service: "beacon") == nil)
      var written = try await append(to: journal, count: 3, kind: .state)
      written += try await append(to: journal, count: 2, kind: .decision, from: 4)
      #expect(try await journal.latest(.state, service: "beacon") == written[2])
      #expect(try await journal.latest(.decision, service: "beacon") == written[4])
      #expect(try await journal.latest(.runEnded, service: "beacon") == nil)
    },
    Clause("history is newest first, of the kinds asked for, within its limit") { subject in
      let journal = try await subject.open()
      let kinds: [JournalKind] = [.runOpened, .state, .runEnded, .decision, .runOpened]
      for (index, kind) in kinds.enumerated() {
        _ = try await journal.append(.sample(index + 1, kind: kind))
      }
      let history = try await journal.history(
        service: "beacon", kinds: [.runOpened, .runEnded], limit: 2)
      #expect(history.map(\.sequence) == [5, 3])
      #expect(try await journal.history(service: "beacon", kinds: [], limit: 2) == [])
    },
    Clause("services do not see each other's records, and share one numbering") { subject in
      let journal = try await subject.open()
      for number in 1...4 {
        let service: ServiceName = number % 2 == 0 ? "lantern" : "beacon"
        _ = try await journal.append(.sample(number, service: service))
      }
      let beacon = try await journal.records(service: "beacon", after: 0, limit: 10)
      #expect(beacon.map(\.sequence) == [1, 3])
      #expect(try await journal.latest(.event, service: "lantern")?.sequence == 4)
      let history = try await journal.history(service: "lantern", kinds: [.event], limit: 10)
      #expect(history.map(\.sequence) == [4, 2])
    },
    Clause("appends from many tasks are one numbering without gaps") { subject in
      let journal = try await subject.open()
      let sequences = try await withThrowingTaskGroup(of: UInt64.self) { group in
        for number in 1...40 { group.addTask { try await journal.append(.sample(number)) } }
        return try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
      }
      #expect(sequences == Set(1...40))
    },
    Clause("text of any shape survives") { subject in
      let journal = try await subject.open()
      let payloads = ["", "\u{0}", "née\u{301}e", "\"\\\n", String(repeating: "x", count: 100_000)]
      for (index, payload) in payloads.enumerated() {
        var record = JournalRecord.sample(index)
        record.payload = payload
        _ = try await journal.append(record)
      }
      let read = try await subject.open().records(service: "beacon", after: 0, limit: 10)
      #expect(read.map(\.payload) == payloads)
    },
    Clause("after an append that failed nothing is appended, and what was durable stays") {
      subject in
      let journal = try await subject.open()
      let written = try await append(to: journal, count: 3)
      try await subject.breakDisk()
      for _ in 1...2 {
        let failed = try await failure { _ = try await journal.append(.sample(4)) }
        #expect(failed?.disposition == .stop)
      }
      let read = try await subject.open().records(service: "beacon", after: 0, limit: 10)
      #expect(Array(read.prefix(3)) == written)
      #expect(read.count <= 4)
    },
  ]

  /// Appends samples and returns them as they should be read.
  private static func append(
    to journal: any RunJournal, count: Int, kind: JournalKind = .event, from first: Int = 1
  ) async throws -> [JournalRecord] {
    var written: [JournalRecord] = []
    for number in first..<(first + count) {
      var record = JournalRecord.sample(number, kind: kind)
      record.sequence = try await journal.append(record)
      written.append(record)
    }
    return written
  }
}

extension JournalRecord {
  /// A record whose own sequence is wrong, since the journal decides on it.
  static func sample(
    _ number: Int, service: ServiceName = "beacon", kind: JournalKind = .event
  ) -> JournalRecord {
    JournalRecord(
      sequence: 99, service: service, run: number % 2 == 0 ? RunID("run-\(number)") : nil,
      kind: kind, effect: number % 3 == 0 ? EffectID("effect-\(number)") : nil,
      at: Timestamp(milliseconds: 1_000_000 + Int64(number)), payload: "{\"number\":\(number)}")
  }
}
