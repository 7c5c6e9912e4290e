import FoundationEssentials
import Glibc
import Testing
import WindlassCore

@testable import SQLiteDriver

/// The rollback journal that a series of migrations keeps.
struct KeptJournalTests {
  private let world: ServiceWorld
  private let connection: SQLiteConnection

  init() throws {
    world = try ServiceWorld()
    let service = try SQLiteConnection(SQLiteOptions(path: world.path, access: .create))
    try service.execute("PRAGMA journal_mode=delete")
    try service.execute("CREATE TABLE service (id INTEGER)")
    connection = try SQLiteConnection(SQLiteOptions(path: world.path, mayKeepJournal: true))
    #expect(try connection.keepJournalFile())
  }

  /// Under which a loaded machine's slowness is no failure.
  private let limits = TransactionLimits(holdBudget: nil)

  private var journal: String { world.path + "-journal" }

  /// The journal that is known to be on the disk.
  private var durable: FileIdentity? { connection.keptJournal?.durable }

  private func insert() throws {
    _ = try connection.transaction(limits) { connection throws(StepFailure) in
      try connection.execute("INSERT INTO service VALUES (1)")
    }
  }

  @Test func `the journal of a commit is known again by the next`() throws {
    #expect(durable == nil)
    try insert()
    let first = try #require(durable)
    #expect(FileIdentity(of: journal) == first)
    try insert()
    try insert()
    #expect(durable == first)
    #expect(try connection.scalar("SELECT count(*) FROM service") == .integer(3))
  }

  @Test func `what was rolled back vouches for nothing`() throws {
    let failure = #expect(throws: StepFailure.self) {
      try connection.transaction(limits) { connection throws(StepFailure) in
        try connection.execute("INSERT INTO service VALUES (1)")
        throw StepFailure(code: "Stopped", disposition: .stop, message: "stopped")
      }
    }
    #expect(failure?.code == "Stopped")
    #expect(durable == nil)
    // Nothing is written, so nothing is synced either.
    _ = try connection.transaction(limits) { _ throws(StepFailure) in }
    #expect(durable == nil)
    try insert()
    #expect(durable != nil)
  }

  @Test func `a journal that another connection removed and made is not taken for the kept one`()
    throws
  {
    try insert()
    let first = try #require(durable)
    // Its own mode removes the file with its commit.
    let service = try SQLiteConnection(SQLiteOptions(path: world.path))
    try service.execute("INSERT INTO service VALUES (2)")
    #expect(access(journal, F_OK) != 0)
    let made = open(journal, O_CREAT | O_RDWR, 0o644)
    #expect(made >= 0)
    close(made)
    #expect(FileIdentity(of: journal) != first)
    try insert()
    let second = try #require(durable)
    #expect(second != first)
    #expect(FileIdentity(of: journal) == second)
    #expect(try connection.scalar("SELECT count(*) FROM service") == .integer(3))
  }

  @Test func `a journal that is a link is told by the link`() throws {
    #expect(FileIdentity(of: world.path + "-nothing") == nil)
    #expect(symlink(world.path, world.path + "-link") == 0)
    #expect(FileIdentity(of: world.path + "-link") != FileIdentity(of: world.path))
  }

  @Test func `after a crash in the middle the kept journal takes the transaction back`() throws {
    try insert()
    try insert()
    let reader = try SQLiteConnection(SQLiteOptions(path: world.path, access: .readOnly))
    _ = try connection.transaction(limits) { connection throws(StepFailure) in
      try connection.execute("PRAGMA cache_size=1")
      try connection.execute("PRAGMA cache_spill=1")
      try connection.execute(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO service SELECT i FROM n
        """)
      // The files as a machine that stops here would leave them.
      for file in [world.path, journal] {
        let copy = file.replacing(world.path, with: world.path + "-crashed")
        // A copy that is not there fails below.
        try? FileManager.default.copyItem(atPath: file, toPath: copy)
      }
    }
    #expect(try reader.scalar("SELECT count(*) FROM service") == .integer(20_002))
    let crashed = try SQLiteConnection(SQLiteOptions(path: world.path + "-crashed"))
    #expect(try crashed.scalar("SELECT count(*) FROM service") == .integer(2))
    #expect(try crashed.scalar("PRAGMA integrity_check") == .text("ok"))
  }
}
