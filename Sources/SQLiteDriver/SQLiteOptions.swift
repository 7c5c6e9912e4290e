package import WindlassCore

/// Where a SQLite database is, and how it is opened.
package struct SQLiteOptions: Hashable, Sendable {
  /// What a connection may do to the file.
  package enum Access: Hashable, Sendable {
    /// Reads only; the file must exist.
    case readOnly
    /// Reads and writes; the file must exist.
    case readWrite
    /// Reads and writes; a missing file is made.
    case create
  }

  /// How much a commit waits for the disk.
  package enum Durability: String, Hashable, Sendable {
    /// A power cut may take back the last commits of a WAL database.
    case normal = "NORMAL"
    /// A commit is on the disk before it returns; with a rollback journal its end may reappear.
    case full = "FULL"
    /// As `full`, and the removal of a rollback journal is on the disk as well.
    case extra = "EXTRA"
  }

  /// How a database keeps a transaction apart until it is committed; a property of the file.
  package enum JournalMode: String, Hashable, Codable, Sendable {
    /// A rollback journal: a reader keeps a writer from committing, and the other way round.
    case delete
    /// A write-ahead log: readers and the one writer do not stop each other.
    case wal
  }

  /// The path of the file; the log and the index lie beside it.
  package var path: String
  package var access: Access
  package var durability: Durability
  /// The mode to bring the file to when it is opened; nil leaves it as it is.
  package var journalMode: JournalMode?
  /// Whether `"name"` may mean a text where no such column exists. Off, so that a column that is
  /// gone is an error and not a constant.
  package var allowsDoubleQuotedStrings: Bool
  /// How long all attempts at a lock may take together.
  package var lockDeadline: Interval
  /// Whether the connection may keep a rollback journal's file between its transactions; see
  /// `SQLiteConnection.keepJournalFile()`.
  package var mayKeepJournal: Bool

  package init(
    path: String, access: Access = .readWrite, durability: Durability = .extra,
    journalMode: JournalMode? = nil, allowsDoubleQuotedStrings: Bool = false,
    lockDeadline: Interval = Bounds.lockDeadline, mayKeepJournal: Bool = false
  ) {
    self.path = path
    self.access = access
    self.durability = durability
    self.journalMode = journalMode
    self.allowsDoubleQuotedStrings = allowsDoubleQuotedStrings
    self.lockDeadline = lockDeadline
    self.mayKeepJournal = mayKeepJournal
  }
}
