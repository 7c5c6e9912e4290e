import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What a step says at its end, in at most 3 KiB.
struct StepMessageTests {
  private func reading(_ count: Int, runs: Int = 3) -> LedgerReading {
    let applied = (0..<count).map { index in
      AppliedMigration(
        version: SchemaVersion(20_260_000_000_000 + UInt64(index)),
        checksum: StepDigest.of("\(index)"), run: RunID("beacon-\(index * runs / max(count, 1))"))
    }
    return LedgerReading(
      version: applied.last?.version, epoch: Epoch(9), applied: applied, committedRun: "beacon-1",
      systemID: "system", asOf: Timestamp(milliseconds: 5))
  }

  private func message(_ result: StepResult, _ failure: StepFailure? = nil) -> StepMessage {
    StepMessage(
      kind: .inspect, plan: Steps.digest, order: Steps.digest, failure: failure, epoch: Epoch(9),
      ledger: 3, result: result)
  }

  @Test func `a short history is told whole`() throws {
    let reading = reading(12)
    let bytes = message(.ledger(LedgerMessage(reading))).bytes
    #expect(bytes.count <= 3_072)
    let read = try #require(StepMessage(bytes))
    guard case .ledger(let ledger) = read.result else {
      Issue.record("no ledger")
      return
    }
    #expect(ledger.reading(asOf: reading.asOf) == reading)
  }

  @Test(arguments: [30, 100, 500, 5_000], [1, 7, 400])
  func `of a long history the newest entries are told, and what decides is never cut`(
    count: Int, runs: Int
  ) throws {
    let reading = reading(count, runs: runs)
    let bytes = message(.ledger(LedgerMessage(reading))).bytes
    #expect(bytes.count <= 3_072)
    guard case .ledger(let ledger)? = StepMessage(bytes)?.result else {
      Issue.record("no ledger")
      return
    }
    let told = ledger.reading(asOf: reading.asOf)
    #expect(told.version == reading.version)
    #expect(told.epoch == reading.epoch)
    #expect(!told.applied.isEmpty)
    let newest = Array(reading.applied.suffix(told.applied.count))
    #expect(told.applied.map(\.version) == newest.map(\.version))
    #expect(told.applied.map(\.run) == newest.map(\.run))
    for (mine, whole) in zip(told.applied, newest) where mine.checksum != "" {
      #expect(mine.checksum == whole.checksum)
    }
    #expect(told.applied.last?.checksum == newest.last?.checksum)
  }

  @Test func `long evidence and long failures are shortened, and what decides stays`() throws {
    let verdict = Verdict(
      judgement: .unsafe, checks: 40, coversRollback: false,
      evidence: (0..<64).map { "\($0): " + String(repeating: "evidence ", count: 60) },
      holdForecast: .seconds(3))
    let bytes = message(.verdict(verdict)).bytes
    #expect(bytes.count <= 3_072)
    guard case .verdict(let told)? = StepMessage(bytes)?.result else {
      Issue.record("no verdict")
      return
    }
    #expect(told.judgement == .unsafe && told.checks == 40)
    #expect(told.evidence.first == verdict.evidence.first)
    let failure = StepFailure(
      code: "SchemaDrift", disposition: .stop, message: String(repeating: "drift ", count: 4_000))
    let failed = message(.nothing, failure).bytes
    #expect(failed.count <= 3_072)
    let read = try #require(StepMessage(failed)?.failure)
    #expect(read.code == "SchemaDrift" && read.disposition == .stop)
    #expect(read.message.hasPrefix("drift drift"))
  }

  @Test func `one long sentence of evidence is shortened too`() throws {
    let verdict = Verdict(
      judgement: .unknown, checks: 0, coversRollback: false,
      evidence: [String(repeating: "ä\u{1}", count: 9_000)])
    let bytes = message(.verdict(verdict)).bytes
    #expect(bytes.count <= 3_072)
    #expect(StepMessage(bytes) != nil)
  }

  @Test func `the answers of a step's pods fit, however long they are`() throws {
    let answers = (0..<StepBounds.podsAsked).map {
      ProbeAnswer(
        id: InstanceID("beacon-\($0)-" + String(repeating: "x", count: 48)),
        reportedVersion: String(repeating: "9", count: 256),
        failure: String(repeating: "wrong ", count: 100))
    }
    let bytes = message(.probed(answers)).bytes
    #expect(bytes.count <= 3_072)
    guard case .probed(let told)? = StepMessage(bytes)?.result else {
      Issue.record("no answers")
      return
    }
    #expect(told.map(\.id) == answers.map(\.id))
    #expect(told.allSatisfy { $0.failure != nil })
  }

  @Test func `every order and result reads back as it was written`() throws {
    for order in Steps.all { #expect(StepOrder(text: order.text) == order) }
    let results: [StepResult] = [
      .nothing, .fenced(Epoch(3)), .backup(nil),
      .backup(
        BackupReceipt(
          id: "b", run: "r", purpose: .beforeContract, digest: Steps.digest, systemID: "s",
          schema: nil, isVerified: true)),
      .advanced(BackfillProgress(migration: 3, table: "t", key: "id", rowsWalked: 5)),
      .probed([]), .probed([ProbeAnswer(id: "a", reportedVersion: "1.1.0", failure: "no")]),
    ]
    for result in results {
      let message = message(result)
      #expect(StepMessage(message.bytes) == message)
    }
    #expect(StepMessage(Array("{}".utf8)) == nil)
    #expect(StepMessage(Array("panic: out of memory".utf8)) == nil)
    var later = message(.nothing)
    later.format = 2
    #expect(StepMessage(later.bytes) == nil)
  }
}
