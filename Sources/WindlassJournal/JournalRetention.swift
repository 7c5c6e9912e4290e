import WindlassCore

/// How much of its past a journal keeps.
package struct JournalRetention: Hashable, Sendable {
  /// Records that stay when old ones are dropped.
  package var recordsKept: Int
  /// Bytes of payload that stay when old records are dropped.
  package var payloadKept: Int
  /// Of each kind that tells what happened to a service (runs and decisions), how many newest
  /// records are carried over every pruning; of the other kinds it is one.
  package var historyKept: Int

  package init(
    recordsKept: Int = Bounds.journalRecordsKept, payloadKept: Int = Bounds.journalPayloadKept,
    historyKept: Int = Bounds.runsRememberedMax
  ) {
    self.recordsKept = recordsKept
    self.payloadKept = payloadKept
    self.historyKept = historyKept
  }

  /// Whether so much is kept that old records should be dropped; a quarter more than what stays,
  /// so that pruning is rare.
  func isExceeded(records: Int, payload: Int) -> Bool {
    records > recordsKept + recordsKept / 4 || payload > payloadKept + payloadKept / 4
  }

  /// How many newest records of a kind are carried.
  func carried(of kind: JournalKind) -> Int {
    switch kind {
    case .runOpened, .runEnded, .decision: historyKept
    case .state, .intent, .outcome, .event: 1
    }
  }
}
