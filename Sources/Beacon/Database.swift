import NIOCore
import NIOPosix
import Synchronization

/// The database as the server uses it: a few connections that read, and one or more that write,
/// each used on a thread, so that a wait for a lock or a server never holds up the event loop.
final class Database: Sendable {
  /// The statements of the release for this engine.
  let queries: FlagQueries
  private let readers: ConnectionPool
  private let writers: ConnectionPool

  /// Opens the database and checks that its ledger has reached what the release needs.
  init(_ address: DatabaseAddress, release: BeaconRelease) throws(StartupError) {
    queries = FlagQueries(release, for: address.dialect)
    let application = "beacon/\(release.name)"
    let connect = { (isReader: Bool) throws(StartupError) in
      try address.connect(isReader: isReader, application: application)
    }
    let writer = try connect(false)
    try Database.checkLedger(writer, address, queries.ledger, release)
    // SQLite has one writer at a time; servers have room for more.
    writers = ConnectionPool(address.dialect == .sqlite ? [writer] : [writer, try connect(false)])
    readers = ConnectionPool([try connect(true), try connect(true)])
  }

  /// Runs the body in one read transaction on a reader's thread.
  func read<Outcome: Sendable>(
    _ loop: any EventLoop,
    _ body: @escaping @Sendable (any DatabaseConnection) throws(DatabaseError) -> Outcome
  ) -> EventLoopFuture<Outcome> {
    readers.transaction(.reading, loop, body)
  }

  /// Runs the body in one write transaction on a writer's thread.
  func write<Outcome: Sendable>(
    _ loop: any EventLoop,
    _ body: @escaping @Sendable (any DatabaseConnection) throws(DatabaseError) -> Outcome
  ) -> EventLoopFuture<Outcome> {
    writers.transaction(.writing, loop, body)
  }

  /// Fails fast, as a server should that would otherwise answer with errors.
  private static func checkLedger(
    _ connection: any DatabaseConnection, _ address: DatabaseAddress, _ query: Query,
    _ release: BeaconRelease
  ) throws(StartupError) {
    let place = address.shown
    let ledger: [[DatabaseValue]]
    do {
      ledger = try connection.rows(query, [])
    } catch {
      throw StartupError(
        "beacon: the ledger of \(place) cannot be read (\(error.message)); "
          + "apply the migrations up to \(release.schemaMinimum) first.")
    }
    guard let row = ledger.first else {
      throw StartupError(
        "beacon: the ledger of \(place) is empty; "
          + "apply the migrations up to \(release.schemaMinimum) first.")
    }
    guard row[1].integer == 0 else {
      throw StartupError(
        "beacon: migration \(row[0].integer) of \(place) was begun and not finished; "
          + "repair the schema and the ledger first.")
    }
    guard row[0].integer >= release.schemaMinimum else {
      throw StartupError(
        "beacon: the schema of \(place) is at \(row[0].integer), and release \(release.name) "
          + "needs at least \(release.schemaMinimum); apply the migrations first.")
    }
  }
}

/// A few connections, each used by one of as many threads.
private final class ConnectionPool: Sendable {
  private let threads: NIOThreadPool
  private let free: Mutex<[any DatabaseConnection]>

  init(_ connections: [any DatabaseConnection]) {
    threads = NIOThreadPool(numberOfThreads: connections.count)
    free = Mutex(connections)
    threads.start()
  }

  /// Runs the body in one transaction on a thread of the pool.
  func transaction<Outcome: Sendable>(
    _ kind: TransactionKind, _ loop: any EventLoop,
    _ body: @escaping @Sendable (any DatabaseConnection) throws(DatabaseError) -> Outcome
  ) -> EventLoopFuture<Outcome> {
    threads.runIfActive(eventLoop: loop) {
      // There are as many connections as threads, so one is always free here.
      guard let connection = self.free.withLock({ $0.popLast() }) else {
        throw DatabaseError(message: "no free connection", query: "")
      }
      defer { self.free.withLock { $0.append(connection) } }
      return try connection.transaction(kind) { () throws(DatabaseError) in
        try body(connection)
      }
    }
  }
}
