import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// What is MySQL's alone; skipped where the tests run on MariaDB.
@Suite(.enabled(if: TestServer.isMySQL))
struct MySQLOnlyTests {
  private func request(_ fixture: Fixture) -> MigrateRequest {
    MigrateRequest(directory: fixture.directory, phase: .contract, run: "migrate-1")
  }

  static let protections: [MySQLAddress.Protection] = [.none, .encrypted]

  @Test(arguments: protections)
  func `a password by caching_sha2_password is accepted on the socket and over loopback`(
    protection: MySQLAddress.Protection
  ) async throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let root = try fixture.other()
    let name = "u\(fixture.options.address.database)"
    try root.run(
      "CREATE USER \(name)@'%' IDENTIFIED WITH caching_sha2_password BY 'p''w\"d\\\\ #;x'")
    try root.run("GRANT ALL ON \(fixture.options.address.database).* TO \(name)@'%'")
    var options = fixture.options
    options.address.user = name
    options.address.password = Secret("p'w\"d\\ #;x")
    let socket = options
    options.address.place = .host("127.0.0.1", port: try TestServer.shared.get().port)
    options.address.protection = protection
    // The server remembers a password that it has checked once, and asks for less the next time.
    for options in [options, options, socket, socket] {
      let session = MySQLSession(options)
      let row = try await session.rows(SQLStatement("SELECT CURRENT_USER() AS u"), limit: 1).first
      #expect(row?["u"] == .text("\(name)@%"))
      await session.close()
      if options.address.place == socket.address.place { try root.run("FLUSH PRIVILEGES") }
    }
    let cipher = try MySQLConnection(options.address, application: "test")
      .rows("SHOW STATUS LIKE 'Ssl_cipher'").first?.text("Value")
    #expect((cipher?.isEmpty == false) == (protection == .encrypted))
    options.address.password = Secret("wrong")
    let failure = await #expect(throws: StepFailure.self) { try await MySQLSession(options).open() }
    #expect(failure?.code == "AccessDenied")
  }

  @Test func `a change that waits in the queue is taken out of it within the budget`() async throws
  {
    let fixture = try Fixture().with(lockBudget: .milliseconds(100))
    defer { fixture.remove() }
    let holder = try fixture.other()
    try holder.run("CREATE TABLE t (a INT)")
    try holder.run("START TRANSACTION")
    try holder.run("SELECT * FROM t")
    // Past the look for holders, as if the holder had come between it and the statement.
    let connection = try fixture.options.connect("test")
    let watch = StatementWatch(limit: .seconds(30), lockLimit: fixture.options.lockBudget)
    let failure = #expect(throws: StepFailure.self) {
      try connection.run("ALTER TABLE t ADD COLUMN c INT", watch: watch)
    }
    #expect(failure?.code == "Interrupted" && watch.reason == .waitedForLock)
    // The session is whole, and the next reader waits for nobody.
    #expect(try connection.scalar("SELECT COUNT(*) FROM t") == .integer(0))
    #expect(MySQLBlockers.holders(of: ["t"], on: connection) == [Int64(holder.id)])
    try holder.run("COMMIT")
    #expect(MySQLBlockers.holders(of: ["t"], on: connection) == [])
  }

  @Test func `whoever holds the table that a foreign key points at is waited for`() async throws {
    let fixture = try Fixture([
      "2_key.up.sql": "ALTER TABLE child ADD FOREIGN KEY (p) REFERENCES parent (id)"
    ]).with(deadline: .milliseconds(400))
    defer { fixture.remove() }
    let holder = try fixture.other()
    try holder.run("CREATE TABLE parent (id INT PRIMARY KEY)")
    try holder.run("CREATE TABLE child (p INT)")
    try holder.run("START TRANSACTION")
    try holder.run("SELECT * FROM parent")
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "LockNotObtained")
    #expect(failure?.message.contains("Holding it: session \(holder.id)") == true)
    try holder.run("COMMIT")
    #expect(try await fixture.migrator().migrate(request(fixture)) { _ in }.applied.count == 1)
  }

  @Test func `a table that has had all its instant changes is changed in the next way`()
    async throws
  {
    let fixture = try Fixture(["2_add.up.sql": "ALTER TABLE t ADD COLUMN last INT"])
    defer { fixture.remove() }
    let other = try fixture.other()
    try other.run("CREATE TABLE t (a INT PRIMARY KEY)")
    try other.run("INSERT INTO t VALUES (1)")
    var isRefused = false
    for number in 0..<300 where !isRefused {
      do throws(StepFailure) {
        try other.run("ALTER TABLE t ADD COLUMN c\(number) INT, ALGORITHM=INSTANT")
      } catch {
        isRefused = other.errorNumber == 4_092
      }
    }
    #expect(isRefused)
    #expect(try await fixture.migrator().migrate(request(fixture)) { _ in }.applied.count == 1)
    #expect(try other.scalar("SELECT last FROM t") == .null)
    let versions = try other.scalar(
      """
      SELECT TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES
      WHERE NAME = CONCAT(DATABASE(), '/t')
      """)
    #expect(versions == .integer(0))
  }

  @Test func `MariaDB's dump program is refused where MySQL would not take its dump back`() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let other = try fixture.other()
    let program = ClientProgram(path: "/usr/bin/mariadb-dump", maker: .mariaDB)
    try other.run("CREATE TABLE t (a INT, j JSON, KEY lowered ((a + 1)))")
    try MySQLDump.refuse(program, for: other)
    try other.run("ALTER TABLE t ADD COLUMN twice INT AS (a * 2) VIRTUAL")
    let failure = #expect(throws: StepFailure.self) {
      try MySQLDump.refuse(program, for: other)
    }
    #expect(failure?.code == "ClientProgramUnfit")
    #expect(failure?.message.contains("t.twice") == true)
    try MySQLDump.refuse(ClientProgram(path: "/opt/mysqldump", maker: .mySQL), for: other)
  }
}
