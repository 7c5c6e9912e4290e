import WindlassCore

/// What is known of a journal's records without reading them again.
struct JournalContents: Sendable {
  /// A kind of record of one service.
  struct Subject: Hashable {
    var service: ServiceName
    var kind: JournalKind
  }

  var anchor: JournalAnchor
  /// Where the chain ends.
  var head: JournalHead
  /// The head as it was before the last record that was read; equal to it before the first.
  var beforeHead: JournalHead
  /// The newest record of each subject.
  var latest: [Subject: JournalRecord] = [:]
  /// Records in the table, those carried over a pruning included.
  var count = 0
  /// Bytes of their payloads.
  var payload = 0
  /// The latest time that a record bears.
  var newest: Timestamp?

  /// Begins behind an anchor.
  init(anchor: JournalAnchor) {
    self.anchor = anchor
    head = JournalHead(sequence: anchor.sequence, hash: anchor.hash)
    beforeHead = head
  }

  /// Takes in a record, which must not be older than one of its subject that was taken in before.
  mutating func include(_ record: JournalRecord) {
    latest[Subject(service: record.service, kind: record.kind)] = record
    count += 1
    payload += record.payload.utf8.count
    newest = max(newest ?? record.at, record.at)
  }
}
