import Foundation
import Synchronization
import WindlassCore

@testable import MariaDBDriver

/// A private server for this test process, with a database for each test: the MariaDB of this
/// system, or the MySQL or MariaDB in the folder that `WINDLASS_MYSQL_SERVER` names.
///
/// It runs below a shell that ends it, and removes its files, when this process has ended, however
/// that happened.
final class TestServer: Sendable {
  private let directory: String
  private let numbers = Mutex(0)
  /// Where MySQL listens on loopback; MariaDB listens on a socket alone, but for one that is
  /// replicated.
  let port: UInt32

  /// The folder in which the server is laid out as Debian does it; empty for the system's own.
  private static let root =
    ProcessInfo.processInfo.environment["WINDLASS_MYSQL_SERVER"] ?? ""

  /// Whether it is MySQL and not MariaDB.
  static let isMySQL = !root.isEmpty && access("\(root)/usr/sbin/mysqld.real", X_OK) == 0

  /// The server's own client.
  static let client = isMySQL ? "\(root)/usr/bin/mysql" : "mariadb"
  /// The server's own program that writes a database as statements.
  static let dumpProgram = isMySQL ? "\(root)/usr/bin/mysqldump" : "mariadb-dump"

  /// The server, started on first use.
  static let shared = Result { try TestServer() }

  /// A second one for backups, which keep every writer of a server out for a moment.
  static let forBackups = Result { try TestServer() }

  /// One that counts what it is asked, and has room for it: the one that all share may be full.
  static let counting = Result { try TestServer("--performance-schema=ON") }

  /// One that others may replicate from.
  static let primary = Result { try TestServer(TestServer.replicated(11)) }

  /// One that replicates from that.
  static let replica = Result {
    let server = try TestServer(TestServer.replicated(12))
    try server.follow(primary.get())
    return server
  }

  /// What a server needs that is replicated, besides a number that no other one has.
  private static func replicated(_ id: Int) -> String {
    "--server-id=\(id) --log-bin=bin"
      + (isMySQL ? "" : " --skip-networking=0 --bind-address=127.0.0.1 --port=@")
  }

  private static let script = """
    set -e
    umask 022
    mkdir -p "$D"
    trap 'kill -9 $pid 2>/dev/null; rm -rf "$D" "$D.log"' EXIT
    as=
    if [ "$(id -u)" = 0 ]; then chown nobody "$D"; as=--user=nobody; fi
    export PATH="$S/usr/bin:$S/usr/sbin:$PATH:/usr/libexec"
    # Nothing has to outlive the server, and MySQL makes its files slowly otherwise.
    common="--innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0"
    if [ "$K" = mysql ]; then
      common="$common --innodb-redo-log-capacity=8M --innodb-flush-method=nosync"
      "$S/usr/sbin/mysqld" --initialize-insecure $as --datadir="$D/data" $common \
        >"$D.log" 2>&1 || { cat "$D.log"; exit 1; }
      "$S/usr/sbin/mysqld" $as --datadir="$D/data" --socket="$D/s" --pid-file="$D/pid" $common \
        --port="$P" --bind-address=127.0.0.1 --mysqlx=OFF --skip-log-bin --max-connections=200 \
        --innodb-doublewrite=OFF --log-error="$D/errors" --tmpdir="$D" $O &
    else
      mariadb-install-db --no-defaults $as --datadir="$D/data" --tmpdir="$D" --skip-test-db \
        ${S:+--basedir="$S/usr"} --auth-root-authentication-method=normal >"$D.log" 2>&1 ||
        { cat "$D.log"; exit 1; }
      mariadbd --no-defaults $as --datadir="$D/data" --socket="$D/s" --pid-file="$D/pid" $common \
        --skip-networking --skip-innodb-doublewrite --innodb-fast-shutdown=2 \
        --max-connections=200 --lower-case-table-names=0 --log-error="$D/errors" --tmpdir="$D" $O &
    fi
    pid=$!
    rm -f "$D.log"
    echo started
    read _ || true
    """

  /// Starts a server.
  ///
  /// - Parameter options: more of them; an `@` stands for a free port.
  private init(_ options: String = "") throws {
    directory = "/tmp/windlass-mysql-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    port = try Self.freePort()
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", Self.script]
    shell.environment = [
      "D": directory, "S": Self.root, "K": Self.isMySQL ? "mysql" : "mariadb",
      "P": "\(port)", "O": options.replacing("@", with: "\(port)"),
      "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    ]
    let (input, output) = (Pipe(), Pipe())
    shell.standardInput = input
    shell.standardOutput = output
    try shell.run()
    // Held open for as long as this process lives.
    TestServer.lifeline.withLock { $0.append(input) }
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard said.hasPrefix("started") else { throw StartFailure(description: said) }
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      do {
        _ = try MySQLConnection(address(of: "mysql"), application: "test")
        return
      } catch {
        guard ContinuousClock.now < deadline else { throw error }
        usleep(20_000)
      }
    }
  }

  /// A port that nobody has now.
  private static func freePort() throws -> UInt32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(listener, generic, length) == 0 ? getsockname(listener, generic, &length) : -1
      }
    }
    guard code == 0 else { throw StartFailure(description: "no port is free") }
    return UInt32(UInt16(bigEndian: address.sin_port))
  }

  private static let lifeline = Mutex<[Pipe]>([])

  /// Why the server did not start.
  struct StartFailure: Error, CustomStringConvertible {
    let description: String
  }

  /// The address of a database.
  func address(of database: String) -> MySQLAddress {
    MySQLAddress(place: .socket("\(directory)/s"), user: "root", database: database)
  }

  /// The address by which a replica is asked, on loopback.
  var replicaAddress: MySQLAddress {
    MySQLAddress(place: .host("127.0.0.1", port: port), user: "root", database: "mysql")
  }

  /// Begins to replicate all that the other server has done and does.
  private func follow(_ primary: TestServer) throws {
    let source = try primary.connection("mysql")
    try source.run("CREATE USER replica@'%' IDENTIFIED BY 'r'")
    try source.run("GRANT REPLICATION SLAVE ON *.* TO replica@'%'")
    let connection = try connection("mysql")
    if Self.isMySQL {
      try connection.run(
        """
        CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = \(primary.port),
          SOURCE_USER = 'replica', SOURCE_PASSWORD = 'r', GET_SOURCE_PUBLIC_KEY = 1
        """)
      try connection.run("START REPLICA")
    } else {
      try connection.run(
        """
        CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = \(primary.port),
          MASTER_USER = 'replica', MASTER_PASSWORD = 'r', MASTER_USE_GTID = slave_pos
        """)
      try connection.run("START SLAVE")
    }
    while try connection.replicaStatus(within: .seconds(60)).sources.first?.id == nil {
      usleep(20_000)
    }
  }

  /// Makes a new, empty database and returns its options, with short deadlines.
  func database() throws -> MySQLServiceOptions {
    let number = numbers.withLock { number in
      number += 1
      return number
    }
    let name = "test_\(number)"
    try connection("mysql").run("CREATE DATABASE \(name) CHARACTER SET utf8mb4")
    // Not about budgets, so that a busy machine fails no test.
    return MySQLServiceOptions(
      address: address(of: name), holdBudget: .seconds(30), lockDeadline: .seconds(60))
  }

  /// A plain connection, as another program would have it.
  func connection(_ database: String) throws -> MySQLConnection {
    try MySQLConnection(address(of: database), application: "test")
  }
}

/// A database of its own with a migration directory.
struct Fixture {
  let options: MySQLServiceOptions
  let directory: String

  private let server: TestServer

  init(
    _ files: [String: String] = [:],
    on server: Result<TestServer, any Error> = TestServer.shared
  ) throws {
    self.server = try server.get()
    options = try self.server.database()
    directory =
      FileManager.default.temporaryDirectory
      .appending(path: "windlass-mysql-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    for (name, text) in files { try write(name, text) }
  }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
  }

  /// A connection as another program would have it.
  func other() throws -> MySQLConnection {
    try server.connection(options.address.database)
  }

  func migrator(
    checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) -> MySQLMigrator {
    MySQLMigrator(
      options, now: { Timestamp(milliseconds: 1_790_000_000_000) }, checkpoint: checkpoint)
  }

  /// What golang-migrate's ledger holds, as `version,dirty` per row.
  func ledger() throws -> [String] {
    try other().rows("SELECT version, dirty FROM schema_migrations").map {
      "\($0.text("version")),\($0.text("dirty"))"
    }
  }

  /// A table of the numbers from 1, with the column `seq`.
  static func numbers(to last: Int) -> String {
    """
    (WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
      SELECT a.i * 1000 + b.i + 1 AS seq FROM n a, n b WHERE a.i * 1000 + b.i < \(last)) numbers
    """
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }
}

extension Fixture {
  private init(options: MySQLServiceOptions, directory: String, server: TestServer) {
    self.options = options
    self.server = server
    self.directory = directory
  }

  /// The same database with other limits.
  func with(
    deadline: Interval = .seconds(60), lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval = Bounds.holdBudgetDefault
  ) -> Fixture {
    var options = options
    options.lockDeadline = deadline
    options.lockBudget = lockBudget
    options.holdBudget = holdBudget
    return Fixture(options: options, directory: directory, server: server)
  }
}
