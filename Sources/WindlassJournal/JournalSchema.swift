/// The tables of the journal, as `Migrations/state/sqlite` has them.
enum JournalSchema {
  /// The format that this build writes, and the newest that it reads.
  static let format: Int64 = 1

  /// The text of `0001_journal.up.sql`.
  static let creation = """
    -- The daemon's memory: one chain of records over all services. There is no index on purpose: what
    -- is asked for often is remembered by the daemon, and an index could disagree with the chain.
    CREATE TABLE journal_records (
      sequence INTEGER PRIMARY KEY,
      service TEXT NOT NULL,
      run TEXT,
      kind TEXT NOT NULL,
      effect TEXT,
      at INTEGER NOT NULL,
      payload TEXT NOT NULL,
      previous BLOB NOT NULL,
      hash BLOB NOT NULL
    );
    -- Where the chain begins: records up to the anchor's sequence were pruned, but for those carried.
    CREATE TABLE journal_anchor (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      format INTEGER NOT NULL,
      sequence INTEGER NOT NULL,
      hash BLOB NOT NULL,
      carried BLOB NOT NULL
    );

    """

  /// Columns of a record in the order that `StoredRecord` reads.
  static let columns =
    "sequence, service, run, kind, effect, at, payload, previous, hash"
}
