import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What a page keeps, what it lets go, and what it takes for its own.
struct JournalPageTests {
  private func record(
    _ number: UInt64, _ kind: JournalKind = .event, effect: String? = nil, size: Int = 10
  ) -> JournalRecord {
    JournalRecord(
      sequence: number, service: "beacon", kind: kind, effect: effect.map { EffectID($0) },
      at: Timestamp(milliseconds: 1_800_000_000_123),
      payload: String(repeating: "x", count: size))
  }

  private func page(_ records: [JournalRecord]) throws -> JournalPage {
    try records.reduce(JournalPage()) { try $0.appending($1) }
  }

  @Test func `of states that were replaced the newest stay, of the others their effect's name`()
    throws
  {
    let states = (1...5).map { number in
      record(
        UInt64(number), .state, effect: number == 2 ? nil : "e\(number)",
        size: RunBounds.oldStatesSizeMax / 3)
    }
    let page = try page(states)
    #expect(page.entries.map(\.number) == [1, 3, 4, 5])
    #expect(page.entries.map { $0.text == nil } == [true, false, false, false])
    #expect(page.records(of: "beacon") == Array(states[2...]))
    #expect(page.sealed.records(of: "beacon") == [])
    #expect(page.sealed.entries.map(\.effect) == ["e1", "e3", "e4", "e5"])
  }

  @Test func `the oldest entries go first, but no open intent and not the newest of a kind`()
    throws
  {
    var records = [record(1, .runOpened), record(2, .intent, effect: "open")]
    records.append(record(3, .intent, effect: "settled"))
    records.append(record(4, .outcome, effect: "settled"))
    records.append(record(5, .state, effect: "open"))
    records.append(record(6, .intent, effect: "last"))
    records.append(record(7, .outcome, effect: "last"))
    for number in 8...UInt64(RunBounds.entriesMax + 20) { records.append(record(number)) }
    let page = try page(records)
    #expect(page.entries.count == RunBounds.entriesMax)
    // 3 is settled; 1, 5, 6 and 7 are the newest of their kinds.
    #expect(page.entries.prefix(6).map(\.number) == [1, 2, 5, 6, 7, 26])
    #expect(page.number == UInt64(RunBounds.entriesMax + 20))
  }

  @Test func `bytes are counted as they stand in JSON`() throws {
    let wide = JournalRecord(
      sequence: 1, service: "beacon", kind: .event, at: Timestamp(milliseconds: 0),
      payload: String(repeating: "\"", count: RunBounds.recordSizeMax / 2))
    #expect(throws: StepFailure.self) { try JournalPage().appending(wide) }
    let quarter = RunBounds.journalSizeMax / 4
    let page = try page((1...6).map { record($0, size: quarter) })
    #expect(page.entries.map(\.number) == [4, 5, 6])
  }

  @Test func `what may not be dropped is never dropped to make room`() throws {
    let half = RunBounds.recordSizeMax - 100
    let page = try page([record(1, .intent, effect: "a", size: half)])
    let failure = #expect(throws: StepFailure.self) {
      try page.appending(record(2, .intent, effect: "b", size: half))
    }
    #expect(failure?.code == "JournalFull")
    #expect(failure?.disposition == .stop)
  }

  @Test func `each changed byte of what is stored is noticed, and a copy in another object`() throws
  {
    let page = try page([
      record(1, .decision), record(2, .state, effect: "e2"), record(3, .event),
    ])
    let object = KubernetesObject([
      "metadata": ["uid": "u1"], "status": ["journal": page.json(in: "u1", by: "w")],
    ])
    #expect(JournalPage.reading(object) == .page(page))
    let elsewhere = KubernetesObject(object.body.setting(["metadata", "uid"], to: "u2"))
    #expect(JournalPage.reading(elsewhere).page == nil)
    let entries = object.body.value(at: "/status/journal/entries")?.array ?? []
    for (index, entry) in entries.enumerated() {
      for member in entry.object ?? [] {
        for value: JSONValue? in [nil, changed(member.value)] {
          var damaged = entries
          damaged[index] = entry.setting(member.name, to: value)
          let other = KubernetesObject(
            object.body.setting(["status", "journal", "entries"], to: .array(damaged)))
          #expect(JournalPage.reading(other).page == nil, "\(index) \(member.name)")
        }
      }
      var cut = entries
      cut.remove(at: index)
      let other = KubernetesObject(
        object.body.setting(["status", "journal", "entries"], to: .array(cut)))
      #expect(JournalPage.reading(other).page == nil, "without \(index)")
    }
    let newer = KubernetesObject(object.body.setting(["status", "journal", "format"], to: 2))
    #expect(JournalPage.reading(newer) == .newer(2))
    #expect(JournalPage.reading(KubernetesObject(["metadata": ["uid": "u1"]])) == .absent)
  }

  private func changed(_ value: JSONValue) -> JSONValue {
    switch value {
    case .integer(let number): .integer(number + 1)
    case .string(let text): .string(text + "x")
    default: .null
    }
  }
}
