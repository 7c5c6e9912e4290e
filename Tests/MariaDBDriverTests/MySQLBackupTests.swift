import Foundation
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Backups of a real server; one after the other, since each keeps the writers of the server out.
@Suite(.serialized)
struct MySQLBackupTests {
  /// A database with a bit of everything, and a store for it.
  private func world() async throws -> (Fixture, MySQLBackupStore, String) {
    let fixture = try Fixture(
      [
        "1_all.up.sql": """
        CREATE TABLE parents (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL);
        CREATE TABLE children (parent BIGINT NOT NULL, note TEXT, raw BLOB, at TIMESTAMP NULL,
          price DECIMAL(10,2), doubled DECIMAL(10,2) AS (price * 2) STORED,
          FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
        CREATE VIEW names AS SELECT name FROM parents;
        CREATE TRIGGER g BEFORE INSERT ON parents FOR EACH ROW BEGIN
          SET NEW.name = CONCAT(NEW.name, '!'); END;
        CREATE PROCEDURE p(IN a INT) BEGIN SELECT a; SELECT 'it''s; \\\\'; END;
        INSERT INTO parents (name) VALUES ('one'), ('two'), ('\u{1F600} ''quoted''');
        INSERT INTO children (parent, note, raw, at, price)
          VALUES (1, 'a\\nb', x'00ff27', '2026-01-02 03:04:05', 1.50), (1, NULL, NULL, NULL, 2),
            (2, '', '', '2026-07-02 03:04:05', NULL), (1, NULL, NULL, NULL, 2);
        """
      ], on: TestServer.forBackups
    ).with(holdBudget: .seconds(20))
    let database = MySQLServiceDatabase(
      fixture.options, locate: { (_) throws(StepFailure) in nil }, now: fixture.now)
    _ = try await database.takeFence(after: nil, run: "run-1")
    _ = try await fixture.migrator().migrate(
      MigrateRequest(directory: fixture.directory, phase: .contract, run: "run-1")
    ) { _ in }
    let directory = fixture.directory + "/backups"
    return (
      fixture, MySQLBackupStore(fixture.options, directory: directory, now: fixture.now), directory
    )
  }

  @Test func `what sidecars share stands outside a backup and its comparison`() async throws {
    let (fixture, store, directory) = try await world()
    defer { fixture.remove() }
    let session = MySQLSession(fixture.options)
    let coordination = DatabaseCoordination(session, .mysql)
    let lease = Lease(holder: "a", term: 1)
    #expect(try await coordination.take(lease, after: nil))
    _ = try await coordination.report("before", of: "r1")
    let journal = try await DatabaseJournal.open(session, .mysql, under: lease)
    let record = JournalRecord(
      service: "s", kind: .state, at: Timestamp(milliseconds: 1), payload: "{}")
    _ = try await journal.append(record)
    _ = try await store.backUp("b-1", run: "run-1", purpose: .beforeExpand)
    // While the backup is compared the slots beat on.
    _ = try await coordination.report("later", of: "r2")
    #expect(try await store.verify("b-1").isVerified)
    let text = try String(contentsOfFile: "\(directory)/b-1.sql", encoding: .utf8)
    for table in [OwnTables.lease, OwnTables.slot, OwnTables.journal] {
      #expect(!text.contains(table), "\(table)")
    }
  }

  @Test func `a backup is verified by restoring it, and its copy is migrated`() async throws {
    let (fixture, store, directory) = try await world()
    defer { fixture.remove() }
    let receipt = try await store.backUp("b-1", run: "run-1", purpose: .beforeExpand)
    #expect(receipt.schema == 1 && !receipt.isVerified && !receipt.systemID.isEmpty)
    #expect(try await store.verify("b-1").isVerified)
    let manifest = try #require(try await store.list().first)
    #expect(manifest.contents.tables.first { $0.name == "children" }?.rows == 4)
    let text = try String(contentsOfFile: "\(directory)/b-1.sql", encoding: .utf8)
    #expect(!text.contains("windlass_fence") && text.contains("windlass_migration_log"))
    let mode = try FileManager.default.attributesOfItem(atPath: "\(directory)/b-1.sql")
    #expect(mode[.posixPermissions] as? Int == 0o600)
    try fixture.write("2_more.up.sql", "ALTER TABLE parents ADD COLUMN c INT;")
    let path = fixture.directory
    let scratch = MySQLScratch(
      fixture.options, backups: directory, locate: { (_) throws(StepFailure) in path },
      now: fixture.now)
    let copy = try await scratch.restore("b-1", label: "rehearsal")
    let before = try await scratch.catalogue(of: copy)
    let archive = ArchiveReference(url: "", digest: "", size: 0)
    let observation = try await scratch.migrate(
      copy, Migration(version: 2, phase: .expand), from: archive)
    #expect(observation.file == "2_more.up.sql")
    let after = try await scratch.catalogue(of: copy)
    #expect(before.differences(to: after).map(\.kind) == [.columnAdded])
    let queries = ["SELECT c FROM parents", "SELECT d FROM parents"].map {
      RecordedQuery(name: $0, sql: $0)
    }
    let outcomes = try await scratch.prepare(
      RecordedQueries(engine: scratch.queryEngine, queries: queries), on: copy)
    #expect(outcomes.map { $0 == .prepared(columns: nil) } == [true, false])
    let live = try fixture.other().catalogue(ledger: .standard, countsRows: true)
    #expect(live == before)
    let address = try MySQLURL.address(of: Secret(copy.url))
    #expect(address.database.hasPrefix("windlass_scratch_"))
    let server = try MySQLConnection(address, application: "test")
    #expect(try server.scalar("SELECT COUNT(*) FROM parents") == .integer(3))
    let outside = #expect(throws: StepFailure.self) {
      try server.run("SELECT * FROM \(fixture.options.address.database).parents")
    }
    #expect(outside?.code == "AccessDenied")
    let use = try await MySQLSessionWatch(fixture.options).use(of: copy.url)
    #expect(use.scratch && !use.production)
    try await scratch.discard(copy)
    let users = "SELECT COUNT(*) FROM mysql.user WHERE User = '\(address.user)'"
    #expect(try fixture.other().scalar(users) == .integer(0))
    let left = try fixture.other().rows("SHOW DATABASES LIKE 'windlass\\_scratch\\_%'")
    #expect(left.allSatisfy { $0.values != [.text(address.database)] })
  }

  @Test func `a backup whose counters stand elsewhere than the database's is refused`()
    async throws
  {
    let (fixture, store, directory) = try await world()
    defer { fixture.remove() }
    let hasSequences = try fixture.other().server.isMariaDB
    if hasSequences {
      try fixture.other().run("CREATE SEQUENCE numbers START WITH 7 NOCACHE")
      try fixture.other().run("DO NEXTVAL(numbers)")
    }
    _ = try await store.backUp("b-1", run: "run-1", purpose: .byHand)
    #expect(try await store.verify("b-1").isVerified)
    let file = "\(directory)/b-1.sql"
    let sound = try String(contentsOfFile: file, encoding: .utf8)
    var changes = [("parents", "AUTO_INCREMENT=4 ", "AUTO_INCREMENT=44 ", "44")]
    if hasSequences { changes.append(("numbers", "(`numbers`, 8, 0)", "(`numbers`, 7, 0)", "7")) }
    for (counter, was, becomes, next) in changes {
      #expect(sound.contains(was), "\(counter)")
      try Data(sound.replacing(was, with: becomes).utf8).write(to: URL(filePath: file))
      var manifest = try #require(try await store.list().first)
      (manifest.digest, manifest.size) = try FileStream.digest(of: file)
      try FileStream.replace("\(directory)/b-1.manifest", with: try manifest.encoded())
      let failure = await #expect(throws: StepFailure.self) { try await store.verify("b-1") }
      #expect(failure?.code == "BackupDamaged")
      #expect(
        failure?.message.contains("the counter \(counter) gives \(next) next in the backup")
          == true,
        "\(failure?.message ?? "")")
    }
  }

  @Test func `a restore that failed behind the change of places is carried on`() async throws {
    let (fixture, _, _) = try await world()
    defer { fixture.remove() }
    let live = try fixture.other()
    let scratch = MySQLScratchDatabase(options: fixture.options)
    let copy = try scratch.make("again", on: live)
    let attic = try scratch.make("again-attic", on: live)
    defer {
      try? scratch.drop("again", on: live)
      try? scratch.drop("again-attic", on: live)
    }
    let source = try scratch.options(of: copy).connect("restore")
    for statement in [
      "CREATE TABLE restored (a INT)", "CREATE VIEW seen AS SELECT a FROM restored",
      "CREATE TRIGGER t BEFORE INSERT ON restored FOR EACH ROW SET NEW.a = NEW.a + 1",
    ] {
      try source.run(statement)
    }
    let replacement = try DatabaseReplacement(
      source: source, attic: attic, ledger: fixture.options.ledger, adopts: true)
    // A second attempt finds what the first one left, wherever behind the change that one failed.
    for epoch in [Epoch(2), Epoch(3)] {
      try replacement.perform(on: live, epoch: epoch, holder: "restore-again")
    }
    try live.run("INSERT INTO restored VALUES (1)")
    #expect(try live.scalar("SELECT a FROM seen") == .integer(2))
    #expect(try live.scalar("SELECT epoch FROM windlass_fence") == .integer(3))
    let old = try fixture.other().rows("SELECT 1 FROM `\(attic)`.parents")
    #expect(old.count == 3)
  }

  @Test func `a restore puts everything back and deposes whoever was at work`() async throws {
    let (fixture, store, _) = try await world()
    defer { fixture.remove() }
    _ = try await store.backUp("b-1", run: "run-1", purpose: .byHand)
    let other = try fixture.other()
    let before = try other.catalogue(ledger: .standard, countsRows: true)
    let name = try other.scalar("SELECT name FROM windlass_identity")
    for statement in [
      "DELETE FROM parents WHERE id = 2", "DROP VIEW names", "DROP TRIGGER g",
      "CREATE TABLE later (a INT)", "CREATE VIEW b AS SELECT 1 AS x", "DROP PROCEDURE p",
      "CREATE VIEW a AS SELECT x FROM b", "UPDATE schema_migrations SET version = 7",
    ] {
      try other.run(statement)
    }
    let now = fixture.now()
    let early = await #expect(throws: StepFailure.self) {
      try await store.restore("b-1", acceptingLossSince: now + .hours(1))
    }
    #expect(early?.code == "LossNotNamed")
    let report = try await store.restore("b-1", acceptingLossSince: now)
    #expect(report.schema == 1 && report.epoch == Epoch(2))
    #expect(try other.catalogue(ledger: .standard, countsRows: true) == before)
    #expect(try fixture.ledger() == ["1,0"])
    #expect(try other.scalar("SELECT epoch FROM windlass_fence") == .integer(2))
    #expect(try other.scalar("SELECT name FROM windlass_identity") != name)
    try other.run("INSERT INTO parents (name) VALUES ('four')")
    #expect(try other.scalar("SELECT name FROM parents ORDER BY id DESC LIMIT 1") == .text("four!"))
    #expect(try await fixture.migrator().schema().drift == nil)
    #expect(try await fixture.migrator().schema().history.map(\.version) == [1])
  }

  @Test func `rows written while a backup is taken are in both snapshots or in neither`()
    async throws
  {
    let (fixture, store, _) = try await world()
    defer { fixture.remove() }
    let writer = Task {
      let connection = try fixture.other()
      while !Task.isCancelled {
        try connection.run("INSERT INTO parents (name) VALUES ('x')")
        await Task.yield()
      }
    }
    _ = try await store.backUp("b-1", run: "run-1", purpose: .beforeExpand)
    writer.cancel()
    try await writer.value
    #expect(try await store.verify("b-1").isVerified)
  }

  @Test func `the password is in no argument and no file that stays`() async throws {
    let (fixture, _, directory) = try await world()
    defer { fixture.remove() }
    let password = "p'w\"d\\ #;x"
    let root = try fixture.other()
    let name = "u\(fixture.options.address.database)"
    try root.run(
      "CREATE USER \(name)@localhost IDENTIFIED BY 'p''w\"d\\\\ #;x'")
    try root.run("GRANT ALL ON *.* TO \(name)@localhost")
    var options = fixture.options
    options.address.user = name
    options.address.password = Secret(password)
    let store = MySQLBackupStore(options, directory: directory, now: fixture.now)
    _ = try await store.backUp("b-1", run: "run-1", purpose: .byHand)
    #expect(try await store.verify("b-1").isVerified)
    let left = try FileManager.default.contentsOfDirectory(atPath: directory)
    #expect(left.sorted() == [".lock", "b-1.manifest", "b-1.sql"])
  }
}

extension Fixture {
  /// A clock for tests.
  var now: @Sendable () -> Timestamp { { Timestamp(milliseconds: 1_790_000_000_000) } }
}
