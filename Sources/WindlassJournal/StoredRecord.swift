import WindlassCore

/// A record with its place in the chain.
struct StoredRecord: Hashable, Sendable {
  var record: JournalRecord
  var previous: ChainHash
  var hash: ChainHash

  /// Chains a record behind another; its sequence must be set.
  init(_ record: JournalRecord, after previous: ChainHash) {
    self.record = record
    self.previous = previous
    hash = ChainHash.of(record, previous: previous)
  }

  /// Reads a row in the order of `JournalSchema.columns`; nil when it is not what was written,
  /// which includes every row whose hash does not fit.
  init?(_ row: SQLRow) {
    guard row.values.count == 9,
      case .integer(let sequence) = row.values[0], sequence > 0,
      case .text(let service) = row.values[1],
      let run = StoredRecord.text(row.values[2]),
      case .text(let kindText) = row.values[3], let kind = JournalKind(rawValue: kindText),
      let effect = StoredRecord.text(row.values[4]),
      case .integer(let at) = row.values[5],
      case .text(let payload) = row.values[6],
      case .blob(let previousBytes) = row.values[7], let previous = ChainHash(previousBytes),
      case .blob(let hashBytes) = row.values[8]
    else { return nil }
    let record = JournalRecord(
      sequence: UInt64(sequence), service: ServiceName(service), run: run.map { RunID($0) },
      kind: kind, effect: effect.map { EffectID($0) }, at: Timestamp(milliseconds: at),
      payload: payload)
    self.init(record, after: previous)
    guard hash.bytes == hashBytes else { return nil }
  }

  /// The statement that stores it.
  var insertion: SQLStatement {
    SQLStatement(
      "INSERT INTO journal_records (\(JournalSchema.columns)) VALUES (?,?,?,?,?,?,?,?,?)",
      [
        .integer(Int64(record.sequence)), .text(record.service.text),
        record.run.map { .text($0.text) } ?? .null, .text(record.kind.rawValue),
        record.effect.map { .text($0.text) } ?? .null, .integer(record.at.milliseconds),
        .text(record.payload), .blob(previous.bytes), .blob(hash.bytes),
      ])
  }

  /// A text or nothing: `.some(nil)` for nothing, nil for a value of another type.
  private static func text(_ value: SQLValue) -> String?? {
    switch value {
    case .null: .some(nil)
    case .text(let text): .some(text)
    case .integer, .real, .blob: nil
    }
  }
}
