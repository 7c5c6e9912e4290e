import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Backfills that wait for a real replica; one after the other, since there is one.
@Suite(.serialized)
struct MySQLReplicaTests {
  private static let files = [
    "1_flags.up.sql": "CREATE TABLE flags (id BIGINT PRIMARY KEY, a INT NOT NULL DEFAULT 0)",
    "2_fill.up.sql": """
    -- windlass: backfill table=flags key=id batch=20
    UPDATE flags SET a = a + 1 WHERE /* windlass: range */ TRUE;
    """,
  ]

  /// A database at version 1 on a primary, with a backfill as version 2 that waits for replicas.
  private struct Stage {
    let fixture: Fixture
    let epoch: Epoch
    let options: MySQLServiceOptions

    init(
      on server: Result<TestServer, any Error> = TestServer.primary, _ replicas: [MySQLAddress]
    ) async throws {
      fixture = try Fixture(MySQLReplicaTests.files, on: server)
      var options = fixture.options
      // A loaded machine's slowness is no failure here.
      options.holdBudget = .seconds(20)
      options.replicas = replicas
      self.options = options
      epoch = try await Self.database(options, fixture).takeFence(after: nil, run: "run")
      _ = try await database.apply(order(1, .expand, after: nil)) { _ in true }
      try fixture.other().run(
        "INSERT INTO flags (id) SELECT seq * 3 FROM \(Fixture.numbers(to: 100))")
    }

    var database: MySQLServiceDatabase { Self.database(options, fixture) }

    private static func database(
      _ options: MySQLServiceOptions, _ fixture: Fixture
    ) -> MySQLServiceDatabase {
      let path = fixture.directory
      return MySQLServiceDatabase(
        options, locate: { (_) throws(StepFailure) in path }, now: fixture.now)
    }

    func order(
      _ version: SchemaVersion, _ phase: MigrationPhase, after: SchemaVersion?
    ) -> MigrationOrder {
      MigrationOrder(
        run: "run", migration: Migration(version: version, phase: phase),
        archive: ArchiveReference(url: "", digest: "", size: 0), after: after, epoch: epoch)
    }

    /// Carries the backfill on.
    @discardableResult
    func fill(while goesOn: @escaping BackfillWatch) async throws -> BackfillProgress? {
      try await database.apply(order(2, .backfill, after: 1), while: goesOn)
    }

    /// Carries it on until it is held up, and returns why and how far it has come.
    func heldUp() async throws -> (reason: String?, rows: Int64?) {
      let reason = Mutex<String?>(nil)
      let progress = try await fill { progress in
        guard let held = progress.heldUpBy else { return true }
        reason.withLock { $0 = $0 ?? held }
        return false
      }
      return (reason.withLock { $0 }, progress?.rowsWalked)
    }

    func counts() throws -> [[SQLValue]] {
      try fixture.other().rows("SELECT a, COUNT(*) FROM flags GROUP BY a ORDER BY a").map(\.values)
    }

    /// What the replicas look like now.
    func sights() throws -> [ReplicaSight] {
      try MySQLReplicas(options).sights(beside: fixture.other())
    }

    /// Waits until the replica has taken in what was done.
    func settle() async throws {
      let replica = try TestServer.replica.get().connection("mysql")
      let tables = "information_schema.TABLES WHERE TABLE_NAME = 'flags' AND TABLE_SCHEMA = ?"
      let name = SQLValue.text(fixture.options.address.database)
      while try replica.scalar("SELECT COUNT(*) FROM \(tables)", [name]) == .integer(0)
        || sights().map(\.standing) != [.behind(.zero)]
      {
        await Task.yield()
      }
    }
  }

  /// Runs a statement on the replica, in the words of its maker.
  private static func onReplica(_ words: String) throws {
    let text = TestServer.isMySQL ? words.replacing("SLAVE", with: "REPLICA") : words
    try TestServer.replica.get().connection("mysql").run(text)
  }

  @Test func `a replica that stops holds it up by name, and lets it go on when it follows again`()
    async throws
  {
    let replica = try TestServer.replica.get()
    let stage = try await Stage([replica.replicaAddress])
    defer { stage.fixture.remove() }
    try await stage.settle()
    // Keeping pace, it holds nothing up: the first batch is made.
    let first = try await stage.fill { $0.rowsWalked == 0 }
    #expect(first?.rowsWalked == 20 && first?.heldUpBy == nil)
    try Self.onReplica("STOP SLAVE SQL_THREAD")
    let held = try await stage.heldUp()
    let state = TestServer.isMySQL ? "Replica_SQL_Running" : "Slave_SQL_Running"
    #expect(
      held.reason == "the replica 127.0.0.1:\(replica.port) has stopped (\(state) is No)")
    #expect(held.rows == 20)
    let isResumed = Mutex(false)
    let rest = try await stage.fill { progress in
      isResumed.withLock { isResumed in
        if progress.heldUpBy != nil, !isResumed {
          isResumed = (try? Self.onReplica("START SLAVE SQL_THREAD")) != nil
        }
      }
      return true
    }
    #expect(rest == nil && isResumed.withLock { $0 })
    #expect(try stage.counts() == [[.integer(1), .integer(100)]])
  }

  @Test func `a replica that is too far behind holds it up, and says how far`() async throws {
    let replica = try TestServer.replica.get()
    let stage = try await Stage([replica.replicaAddress])
    defer { stage.fixture.remove() }
    let writer = try stage.fixture.other()
    try writer.run("CREATE TABLE noise (a INT PRIMARY KEY)")
    try await stage.settle()
    let holder = try replica.connection(stage.fixture.options.address.database)
    while (try? holder.run("LOCK TABLES noise WRITE")) == nil { await Task.yield() }
    // What was written long ago, and can't be taken in yet.
    try writer.run("SET TIMESTAMP = UNIX_TIMESTAMP() - 100")
    try writer.run("INSERT INTO noise VALUES (1)")
    while try stage.sights().first?.reason == nil { await Task.yield() }
    let held = try await stage.heldUp()
    let told = try #require(held.reason)
    #expect(told.hasPrefix("the replica 127.0.0.1:\(replica.port) is "))
    #expect(told.firstMatch(of: /is \d+[smh] behind, 5s are allowed$/) != nil, "\(told)")
    #expect(held.rows == 0)
    try holder.run("UNLOCK TABLES")
    try await stage.fill { _ in true }
    #expect(try stage.counts() == [[.integer(1), .integer(100)]])
  }

  @Test func `a replica that nobody reaches holds it up, since nobody knows`() async throws {
    var away = try TestServer.replica.get().replicaAddress
    // Nobody listens on the port for tcpmux here.
    away.place = .host("127.0.0.1", port: 1)
    let stage = try await Stage([away])
    defer { stage.fixture.remove() }
    let held = try await stage.heldUp()
    #expect(
      held.reason?.hasPrefix("nobody knows how far the replica 127.0.0.1:1 is behind: ") == true)
    #expect(held.rows == 0)
  }

  @Test func `what is no replica of the primary is refused before anything is changed`()
    async throws
  {
    let (primary, replica) = (try TestServer.primary.get(), try TestServer.replica.get())
    var (alone, refused) = (try TestServer.shared.get().replicaAddress, replica.replicaAddress)
    alone.place = try TestServer.shared.get().address(of: "mysql").place
    refused.user = "nobody"
    refused.password = Secret("secret")
    for (address, server, part) in [
      (primary.replicaAddress, TestServer.primary, "is the primary itself"),
      (alone, TestServer.primary, "replicates from nobody"),
      (replica.replicaAddress, TestServer.shared, "(server_id 11), and not from the primary"),
      (refused, TestServer.primary, "REPLICA MONITOR on MariaDB"),
    ] {
      let fixture = try Fixture(Self.files, on: server)
      defer { fixture.remove() }
      var options = fixture.options
      options.replicas = [address]
      let migrator = MySQLMigrator(options, now: fixture.now)
      let request = MigrateRequest(directory: fixture.directory, phase: .contract, run: "by-hand")
      let failure = await #expect(throws: StepFailure.self) {
        try await migrator.migrate(request) { _ in }
      }
      #expect(failure?.code == "ReplicaUnfit" && failure?.disposition == .stop)
      #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "")")
      #expect(failure?.message.contains("secret") == false)
      #expect(try fixture.other().rows("SHOW TABLES").isEmpty)
    }
  }

  @Test func `a user who may only ask is enough`() async throws {
    let replica = try TestServer.replica.get()
    let right = TestServer.isMySQL ? "REPLICATION CLIENT" : "REPLICA MONITOR"
    // On the replica alone.
    let root = try replica.connection("mysql")
    try root.run("SET SESSION sql_log_bin = 0")
    try root.run("CREATE USER asker@'%' IDENTIFIED BY 'l'")
    try root.run("GRANT \(right) ON *.* TO asker@'%'")
    var address = replica.replicaAddress
    address.user = "asker"
    address.password = Secret("l")
    let stage = try await Stage([address])
    defer { stage.fixture.remove() }
    try await stage.settle()
    try await stage.fill { _ in true }
    #expect(try stage.counts() == [[.integer(1), .integer(100)]])
  }
}
