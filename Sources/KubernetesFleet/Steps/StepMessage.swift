package import WindlassCore

/// What a step has to say at its end, in the few bytes that a pod's status has room for.
///
/// Written by `windlass step` to its termination log and read by the daemon: one type for both.
package struct StepMessage: Hashable, Codable, Sendable {
  /// The form that this version writes and understands.
  package static let formatNow = 1

  package var format = StepMessage.formatNow
  package var kind: StepKind
  /// The digest of the document that the step read.
  package var plan: Digest
  /// The digest of the order that it carried out.
  package var order: Digest
  /// Why it failed; nil when it did what it was told.
  package var failure: StepFailure?
  /// The fence's number as the step saw it last.
  package var epoch: Epoch?
  /// What the ledger said last.
  package var ledger: SchemaVersion?
  package var result: StepResult

  package init(
    kind: StepKind, plan: Digest, order: Digest, failure: StepFailure? = nil,
    epoch: Epoch? = nil, ledger: SchemaVersion? = nil, result: StepResult = .nothing
  ) {
    self.kind = kind
    self.plan = plan
    self.order = order
    self.failure = failure
    self.epoch = epoch
    self.ledger = ledger
    self.result = result
  }

  /// The message within its limit: what people read and what is looked up elsewhere is shortened,
  /// what decides never.
  package var bytes: [UInt8] {
    var message = self
    var bytes = StepCoding.bytes(message)
    // Each turn leaves out something, so that a few dozen are enough for the longest.
    for _ in 0..<64 where bytes.count > StepBounds.messageSizeMax {
      message.shorten()
      bytes = StepCoding.bytes(message)
    }
    return bytes
  }

  /// Reads a message; nil for bytes that are none of this form.
  package init?(_ bytes: [UInt8]) {
    guard let message = StepCoding.read(StepMessage.self, bytes),
      message.format == StepMessage.formatNow
    else { return nil }
    self = message
  }

  private mutating func shorten() {
    if var failure, failure.message.utf8.count > 1_024 {
      failure.message = failure.message.shortened(to: failure.message.count / 2)
      self.failure = failure
      return
    }
    result.shorten()
  }
}

/// What a step found out or made.
package enum StepResult: Hashable, Codable, Sendable {
  case nothing
  case ledger(LedgerMessage)
  case fenced(Epoch)
  /// A backup's receipt; nil when there is no such backup.
  case backup(BackupReceipt?)
  case verdict(Verdict)
  /// A rehearsal goes on once this server was visited.
  case waits(VisitQuestion)
  /// What a visit found, in the proof's own words.
  case visited(String)
  /// A backfill that has to go on.
  case advanced(BackfillProgress)
  /// What pods answered; none for one that nobody reached.
  case probed([ProbeAnswer])

  mutating func shorten() {
    switch self {
    case .ledger(var ledger):
      ledger.shorten()
      self = .ledger(ledger)
    case .verdict(var verdict):
      if verdict.evidence.count > 1 {
        verdict.evidence.removeLast((verdict.evidence.count + 1) / 2)
      } else {
        verdict.evidence = verdict.evidence.map { $0.shortened(to: $0.count / 2) }
      }
      self = .verdict(verdict)
    case .probed(let answers):
      self = .probed(
        answers.map { answer in
          // A version that is no version is only shown.
          ProbeAnswer(
            id: answer.id, reportedVersion: answer.reportedVersion?.shortened(to: 64),
            failure: answer.failure.map { $0.shortened(to: $0.count / 2) })
        })
    case .advanced(var progress):
      progress.heldUpBy = progress.heldUpBy.map { $0.shortened(to: $0.count / 2) }
      self = .advanced(progress)
    case .nothing, .fenced, .backup, .waits, .visited: break
    }
  }
}

extension String {
  /// The beginning of a text, with a mark that there was more.
  func shortened(to count: Int) -> String {
    self.count <= count ? self : String(prefix(max(count, 1))) + "…"
  }
}
