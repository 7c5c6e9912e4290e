import WindlassCore

extension Journal {
  /// Drops the oldest records when more are kept than the retention allows.
  ///
  /// The newest records of each service and kind stay, wherever they stand. Records, anchor and
  /// what was carried over change in one transaction, so that a crash leaves one chain or the
  /// other.
  func pruneIfNeeded() async throws(StepFailure) {
    guard retention.isExceeded(records: contents.count, payload: contents.payload) else { return }
    let outlines = try await outlines()
    guard let cut = cut(outlines) else { return }
    let carried = carried(outlines, upTo: cut.sequence)
    let anchor = JournalAnchor(
      sequence: cut.sequence, hash: cut.hash, carried: ChainHash.of(carried.map(\.hash)))
    let kept = carried.map { String($0.sequence) }.joined(separator: ",")
    _ = try await session.apply(
      StatementBatch(
        parts: [
          .execute(
            SQLStatement(
              "DELETE FROM journal_records WHERE sequence <= ? AND sequence NOT IN (\(kept))",
              [.integer(Int64(cut.sequence))])),
          .execute(anchor.replacement),
        ], holdBudget: Bounds.journalHoldBudget))
    let left = outlines.filter { $0.sequence > cut.sequence } + carried
    contents.anchor = anchor
    contents.count = left.count
    contents.payload = left.reduce(0) { $0 + $1.payload }
  }

  /// A record without its payload.
  private struct Outline {
    var sequence: UInt64
    var subject: JournalContents.Subject
    /// Bytes.
    var payload: Int
    var hash: ChainHash
  }

  /// Every record's outline, oldest first.
  private func outlines() async throws(StepFailure) -> [Outline] {
    var outlines: [Outline] = []
    while true {
      let page = try await session.rows(
        SQLStatement(
          "SELECT sequence, service, kind, length(CAST(payload AS BLOB)), hash "
            + "FROM journal_records WHERE sequence > ? ORDER BY sequence "
            + "LIMIT \(Bounds.journalVerifyPage)",
          [.integer(Int64(outlines.last?.sequence ?? 0))]),
        limit: Bounds.journalVerifyPage)
      for row in page {
        guard case .integer(let sequence) = row.values[0], case .text(let service) = row.values[1],
          case .text(let kindText) = row.values[2], let kind = JournalKind(rawValue: kindText),
          case .integer(let payload) = row.values[3], case .blob(let bytes) = row.values[4],
          let hash = ChainHash(bytes)
        else {
          throw JournalFailure.corrupt("a record can't be understood", head: headFile.path)
        }
        outlines.append(
          Outline(
            sequence: UInt64(sequence),
            subject: JournalContents.Subject(service: ServiceName(service), kind: kind),
            payload: Int(payload), hash: hash))
      }
      guard page.count == Bounds.journalVerifyPage else { return outlines }
    }
  }

  /// The last record to drop; nil when nothing behind the anchor can be.
  private func cut(_ outlines: [Outline]) -> Outline? {
    var payload = 0
    for (kept, outline) in outlines.reversed().enumerated() {
      payload += outline.payload
      // The last record always stays: the head names it.
      guard kept > 0, kept >= retention.recordsKept || payload > retention.payloadKept else {
        continue
      }
      return outline.sequence > contents.anchor.sequence ? outline : nil
    }
    return nil
  }

  /// The records up to the cut that stay, oldest first.
  private func carried(_ outlines: [Outline], upTo cut: UInt64) -> [Outline] {
    var seen: [JournalContents.Subject: Int] = [:]
    var carried: [Outline] = []
    for outline in outlines.reversed() {
      let count = seen[outline.subject, default: 0]
      guard count < retention.carried(of: outline.subject.kind) else { continue }
      seen[outline.subject] = count + 1
      if outline.sequence <= cut { carried.append(outline) }
    }
    return carried.reversed()
  }
}
