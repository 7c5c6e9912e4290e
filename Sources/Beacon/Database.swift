import NIOCore
import NIOPosix
import Synchronization

/// The database as the server uses it: a few connections that read, and one that writes, each
/// used on threads of their own, so that a wait for a lock never holds up the event loop.
final class Database: Sendable {
  private static let readerCount = 2

  private let readerThreads = NIOThreadPool(numberOfThreads: Database.readerCount)
  private let writerThread = NIOThreadPool(numberOfThreads: 1)
  private let readers: Mutex<[SQLiteConnection]>
  private let writer: SQLiteConnection

  /// Opens the database and checks that its ledger has reached what the release needs.
  init(path: String, release: BeaconRelease) throws {
    writer = try SQLiteConnection(path: path, isReader: false)
    try Database.checkLedger(writer, path: path, release: release)
    // Readers and the writer must not wait for each other; a database in this mode stays in it.
    if try writer.rows("PRAGMA journal_mode").first?.first?.text != "wal" {
      try writer.execute("PRAGMA journal_mode = WAL")
    }
    readers = Mutex(
      try (0..<Database.readerCount).map { _ in
        try SQLiteConnection(path: path, isReader: true)
      })
    readerThreads.start()
    writerThread.start()
  }

  /// Runs the body in one read transaction on a reader's thread.
  func read<Outcome: Sendable>(
    _ loop: any EventLoop,
    _ body: @escaping @Sendable (SQLiteConnection) throws(DatabaseError) -> Outcome
  ) -> EventLoopFuture<Outcome> {
    readerThreads.runIfActive(eventLoop: loop) {
      // There are as many connections as threads, so one is always free here.
      guard let connection = self.readers.withLock({ $0.popLast() }) else {
        throw DatabaseError(message: "no free connection", query: "")
      }
      defer { self.readers.withLock { $0.append(connection) } }
      return try connection.transaction(immediate: false) { () throws(DatabaseError) in
        try body(connection)
      }
    }
  }

  /// Runs the body in one write transaction on the writer's thread.
  func write<Outcome: Sendable>(
    _ loop: any EventLoop,
    _ body: @escaping @Sendable (SQLiteConnection) throws(DatabaseError) -> Outcome
  ) -> EventLoopFuture<Outcome> {
    writerThread.runIfActive(eventLoop: loop) {
      try self.writer.transaction(immediate: true) { () throws(DatabaseError) in
        try body(self.writer)
      }
    }
  }

  /// Fails fast, as a server should that would otherwise answer with errors.
  private static func checkLedger(
    _ connection: SQLiteConnection, path: String, release: BeaconRelease
  ) throws {
    let ledger: [[DatabaseValue]]
    do {
      ledger = try connection.rows("SELECT version, dirty FROM schema_migrations LIMIT 1")
    } catch {
      throw StartupError(
        "beacon: the ledger of \(path) cannot be read (\(error.message)); "
          + "apply the migrations up to \(release.schemaMinimum) first.")
    }
    guard let row = ledger.first else {
      throw StartupError(
        "beacon: the ledger of \(path) is empty; "
          + "apply the migrations up to \(release.schemaMinimum) first.")
    }
    guard row[1].integer == 0 else {
      throw StartupError(
        "beacon: migration \(row[0].integer) of \(path) was begun and not finished; "
          + "repair the schema and the ledger first.")
    }
    guard row[0].integer >= release.schemaMinimum else {
      throw StartupError(
        "beacon: the schema of \(path) is at \(row[0].integer), and release \(release.name) "
          + "needs at least \(release.schemaMinimum); apply the migrations first.")
    }
  }
}
