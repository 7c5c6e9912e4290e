import Glibc
import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// How long others wait while Windlass wants a lock.
struct LockBudgetTests {
  private func request(_ fixture: Fixture) -> MigrateRequest {
    MigrateRequest(directory: fixture.directory, phase: .contract, run: "migrate-1")
  }

  @Test func `readers go on while a change waits for a table that somebody holds`() async throws {
    let fixture = try Fixture(["2_add.up.sql": "ALTER TABLE t ADD COLUMN c INT"])
    defer { fixture.remove() }
    try fixture.other().run("CREATE TABLE t (a INT)")
    let held = Duration.seconds(3)
    let holder = Holder(fixture)
    try await holder.begin()
    let reader = Reader(fixture)
    async let longest = reader.read(for: held + .seconds(1))
    async let outcome = fixture.migrator().migrate(request(fixture)) { _ in }
    try await holder.end(after: held)
    #expect(try await outcome.applied.count == 1)
    // Behind an ALTER in the queue a reader would wait for as long as the table is held.
    #expect(try await longest < held / 2)
  }

  /// Lets somebody hold the table, and expects that a migration gives up and names them.
  private func expectNamed(_ holder: Holder, _ fixture: Fixture) async throws {
    try await holder.begin()
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "LockNotObtained")
    let session = await holder.session
    #expect(
      failure?.message.contains("session \(session) (root@localhost)") == true,
      "\(failure?.message ?? "none")")
  }

  @Test func `who holds the table is named when the deadline is over`() async throws {
    let fixture = try Fixture(["2_add.up.sql": "ALTER TABLE t ADD COLUMN c INT"])
      .with(deadline: .milliseconds(400))
    defer { fixture.remove() }
    try fixture.other().run("CREATE TABLE t (a INT) ENGINE=InnoDB")
    let holder = Holder(fixture)
    try await expectNamed(holder, fixture)
    #expect(try fixture.other().rows("SELECT * FROM schema_migrations").isEmpty)
    try await holder.end(after: .zero)
    #expect(try await fixture.migrator().migrate(request(fixture)) { _ in }.applied.count == 1)
  }

  // InnoDB's list of transactions stays as it was for as long as it is read often enough.
  @Test func `who holds the table is named on a server that is polled`() async throws {
    let fixture = try Fixture(["2_add.up.sql": "ALTER TABLE t ADD COLUMN c INT"])
      .with(deadline: .milliseconds(400))
    defer { fixture.remove() }
    try fixture.other().run("CREATE TABLE t (a INT) ENGINE=InnoDB")
    try await whilePolled(fixture) {
      let holder = Holder(fixture)
      try await expectNamed(holder, fixture)
      try await holder.end(after: .zero)
    }
  }

  /// Runs the body while somebody reads InnoDB's list of transactions again and again.
  private func whilePolled(_ fixture: Fixture, _ body: () async throws -> Void) async throws {
    let (hasPolled, isDone) = (Seen(), Seen())
    try await withThrowingTaskGroup(of: Void.self) { group in
      let poller = Poller(fixture)
      group.addTask { try await poller.poll(telling: hasPolled, until: isDone) }
      defer { isDone.add("done") }
      while hasPolled.all.isEmpty { await Task.yield() }
      try await body()
    }
  }

  @Test func `a table that somebody always uses for a moment is changed all the same`()
    async throws
  {
    let fixture = try Fixture(["2_add.up.sql": "ALTER TABLE t ADD COLUMN c INT"])
    defer { fixture.remove() }
    let other = try fixture.other()
    try other.run("CREATE TABLE t (a INT PRIMARY KEY, n INT)")
    try other.run("INSERT INTO t VALUES (1, 0), (2, 0), (3, 0), (4, 0)")
    let isDone = Seen()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 1...4 {
        let user = Passer(fixture)
        group.addTask { try await user.use(row: number, until: isDone) }
      }
      do {
        // The users end with a migration that fails as well.
        defer { isDone.add("done") }
        let outcome = try await fixture.migrator().migrate(request(fixture)) { _ in }
        #expect(outcome.applied.count == 1)
      }
      try await group.waitForAll()
    }
    #expect(try other.scalar("SELECT COUNT(*) FROM t WHERE n > 0 AND c IS NULL") == .integer(4))
  }

  // A server waits a second for a row at least, which is as long as a lock may be held by default.
  @Test(arguments: [Interval.milliseconds(50), .seconds(1)])
  func `a row that somebody holds is worth another try, whatever the limits`(
    lockBudget: Interval
  ) async throws {
    let fixture = try Fixture(["2_rows.up.sql": "UPDATE t SET n = n + 1"])
      .with(deadline: .milliseconds(300), lockBudget: lockBudget, holdBudget: .seconds(1))
    defer { fixture.remove() }
    try await expectRetry(fixture)
  }

  @Test func `a row that somebody holds is worth another try on a server that is polled`()
    async throws
  {
    let fixture = try Fixture(["2_rows.up.sql": "UPDATE t SET n = n + 1"])
      .with(deadline: .milliseconds(300), lockBudget: .milliseconds(50), holdBudget: .seconds(1))
    defer { fixture.remove() }
    try await whilePolled(fixture) { try await expectRetry(fixture) }
  }

  // Others wait for a row, and the list is old: InnoDB's own report alone tells who it is.
  @Test func `a statement that works for too long is no one that waits on a server that is polled`()
    async throws
  {
    let fixture = try Fixture(["2_rows.up.sql": "INSERT INTO u SELECT 1 + SLEEP(600)"])
      .with(deadline: .milliseconds(300), lockBudget: .milliseconds(50), holdBudget: .seconds(1))
    defer { fixture.remove() }
    let holder = try fixture.other()
    try holder.run("CREATE TABLE t (a INT PRIMARY KEY, n INT)")
    try holder.run("CREATE TABLE u (a INT PRIMARY KEY)")
    try holder.run("INSERT INTO t VALUES (1, 0)")
    try await whilePolled(fixture) {
      try holder.run("START TRANSACTION")
      try holder.run("UPDATE t SET n = 10")
      let waiter = Waiter(fixture)
      async let hasWaited: Void = waiter.wait()
      try await waiter.waits(on: holder)
      let failure = await #expect(throws: StepFailure.self) {
        try await fixture.migrator().migrate(request(fixture)) { _ in }
      }
      #expect(failure?.code == "HoldBudgetExceeded", "\(failure?.description ?? "none")")
      try holder.run("COMMIT")
      try await hasWaited
    }
    #expect(try holder.rows("SELECT * FROM u").isEmpty)
  }

  /// Lets somebody hold a row that a migration changes, and expects that it waits for them in vain,
  /// and is applied behind them.
  private func expectRetry(_ fixture: Fixture) async throws {
    let holder = try fixture.other()
    try holder.run("CREATE TABLE t (a INT PRIMARY KEY, n INT)")
    try holder.run("INSERT INTO t VALUES (1, 0)")
    try holder.run("START TRANSACTION")
    try holder.run("UPDATE t SET n = 10")
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "LockNotObtained", "\(failure?.description ?? "none")")
    #expect(failure?.disposition == .retry)
    try holder.run("COMMIT")
    #expect(try await fixture.migrator().migrate(request(fixture)) { _ in }.applied.count == 1)
    #expect(try holder.scalar("SELECT n FROM t") == .integer(11))
  }

  @Test func `a migration that loses a deadlock is applied once all the same`() async throws {
    let fixture = try Fixture([
      "2_rows.up.sql": "UPDATE first SET n = n + 1; UPDATE second SET n = n + 1;"
    ]).with(lockBudget: .seconds(5))
    defer { fixture.remove() }
    let setUp = try fixture.other()
    for table in ["first", "second", "ballast"] {
      try setUp.run("CREATE TABLE \(table) (id INT PRIMARY KEY, n INT)")
    }
    for table in ["first", "second"] { try setUp.run("INSERT INTO \(table) VALUES (1, 0)") }
    let rival = Rival(fixture)
    try await rival.begin()
    let once = Once()
    let hasFirst = Seen()
    let migrator = fixture.migrator { point in
      if point == "after 1", once.isFirst { hasFirst.add(point) }
    }
    async let outcome = migrator.migrate(request(fixture)) { _ in }
    try await rival.collide(after: hasFirst)
    #expect(try await outcome.applied.count == 1)
    for table in ["first", "second"] {
      #expect(try setUp.scalar("SELECT n FROM \(table)") == .integer(11), "\(table)")
    }
    #expect(try fixture.ledger() == ["2,0"])
  }

  @Test func `a change that would copy for longer than the hold budget is taken back`()
    async throws
  {
    let fixture = try Fixture([
      "2_copy.up.sql": "ALTER TABLE t MODIFY a BIGINT NOT NULL"
    ]).with(holdBudget: .milliseconds(20))
    defer { fixture.remove() }
    let other = try fixture.other()
    try other.run("CREATE TABLE t (a INT NOT NULL, b VARCHAR(200))")
    try other.run(
      "INSERT INTO t SELECT seq, REPEAT('x', 200) FROM \(Fixture.numbers(to: 100_000))",
      within: .minutes(5))
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "HoldBudgetExceeded")
    #expect(try other.rows("SELECT * FROM schema_migrations").isEmpty)
    let definition = try other.rows("SHOW CREATE TABLE t").first?.values.last?.text
    #expect(definition?.contains("`a` int") == true)
  }
}

/// Somebody who keeps a transaction on a table open.
private actor Holder {
  private let fixture: Fixture
  private var connection: MySQLConnection?

  init(_ fixture: Fixture) { self.fixture = fixture }

  var session: UInt64 { connection?.id ?? 0 }

  func begin() throws {
    let connection = try fixture.other()
    try connection.run("START TRANSACTION")
    try connection.run("SELECT * FROM t")
    // A transaction that changes nothing is not in the list of those that hold something.
    try connection.run("INSERT INTO t VALUES (1)")
    self.connection = connection
  }

  func end(after time: Duration) async throws {
    try await Task.sleep(for: time)
    try connection?.run("ROLLBACK")
    connection = nil
  }
}

/// Somebody who reads the table again and again on a thread of their own.
private actor Reader {
  private let executor = BlockingExecutor(label: "reader")
  private let fixture: Fixture

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ fixture: Fixture) { self.fixture = fixture }

  /// The longest that one reading took.
  func read(for time: Duration) throws -> Duration {
    let connection = try fixture.other()
    let deadline = ContinuousClock.now + time
    var longest = Duration.zero
    while ContinuousClock.now < deadline {
      let began = ContinuousClock.now
      try connection.run("SELECT COUNT(*) FROM t")
      longest = max(longest, ContinuousClock.now - began)
    }
    return longest
  }
}

/// Somebody who has one short transaction after the other on a table.
private actor Passer {
  private let executor = BlockingExecutor(label: "passer")
  private let fixture: Fixture

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ fixture: Fixture) { self.fixture = fixture }

  func use(row: Int, until end: Seen) throws {
    let connection = try fixture.other()
    repeat {
      try connection.run("START TRANSACTION")
      try connection.run("UPDATE t SET n = n + 1 WHERE a = \(row)")
      usleep(3_000)
      try connection.run("COMMIT")
    } while end.all.isEmpty
  }
}

/// Somebody who reads the list of transactions more often than InnoDB makes it anew.
private actor Poller {
  private let executor = BlockingExecutor(label: "poller")
  private let fixture: Fixture

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ fixture: Fixture) { self.fixture = fixture }

  func poll(telling polled: Seen, until end: Seen) throws {
    defer { polled.add("ended") }
    let connection = try fixture.other()
    repeat {
      try connection.run("SELECT COUNT(*) FROM information_schema.INNODB_TRX")
      polled.add("polled")
      usleep(10_000)
    } while end.all.isEmpty
  }
}

/// Somebody who waits for a row that another one holds.
private actor Waiter {
  private let executor = BlockingExecutor(label: "waiter")
  private let fixture: Fixture

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ fixture: Fixture) { self.fixture = fixture }

  func wait() throws {
    let connection = try fixture.other()
    try connection.run("SET SESSION innodb_lock_wait_timeout = 600")
    try connection.run("UPDATE t SET n = n + 1", within: .minutes(5))
  }

  /// Returns when somebody on the server waits for a row, as another session sees.
  nonisolated func waits(on other: MySQLConnection) async throws {
    let question = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
    while try other.rows(question).first?.values.last?.text == "0" { await Task.yield() }
  }
}

/// Somebody who changes the same rows in the other order, and so much else that the server ends the
/// other's transaction and not theirs.
private actor Rival {
  private let executor = BlockingExecutor(label: "rival")
  private let fixture: Fixture
  private var connection: MySQLConnection?

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ fixture: Fixture) { self.fixture = fixture }

  func begin() throws {
    let connection = try fixture.other()
    try connection.run("START TRANSACTION")
    try connection.run("INSERT INTO ballast SELECT seq, 0 FROM \(Fixture.numbers(to: 5_000))")
    try connection.run("UPDATE second SET n = n + 10")
    self.connection = connection
  }

  /// Waits until the migration waits for the second row, and asks for the first.
  func collide(after seen: Seen) throws {
    let other = try fixture.other()
    let deadline = ContinuousClock.now + .seconds(20)
    let waiting = """
      SELECT COUNT(*) FROM information_schema.PROCESSLIST
      WHERE DB = DATABASE() AND INFO LIKE 'UPDATE second SET n = n + 1'
      """
    while seen.all.isEmpty, ContinuousClock.now < deadline { sched_yield() }
    while try other.scalar(waiting) == .integer(0), ContinuousClock.now < deadline {}
    try connection?.run("UPDATE first SET n = n + 10")
    try connection?.run("COMMIT")
    connection = nil
  }
}
