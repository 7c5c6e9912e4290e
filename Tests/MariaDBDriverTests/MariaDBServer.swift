import Foundation
import Synchronization
import WindlassCore

@testable import MariaDBDriver

/// A private MariaDB server for this test process, with a database for each test.
///
/// It runs below a shell that ends it, and removes its files, when this process has ended, however
/// that happened.
final class MariaDBServer: Sendable {
  private let directory: String
  private let numbers = Mutex(0)

  /// The server, started on first use.
  static let shared = Result { try MariaDBServer() }

  /// A second one for backups, which keep every writer of a server out for a moment.
  static let forBackups = Result { try MariaDBServer() }

  private init() throws {
    directory = "/tmp/windlass-mariadb-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let script = """
      set -e
      umask 022
      mkdir -p "$D"
      trap 'kill -9 $pid 2>/dev/null; rm -rf "$D"' EXIT
      as=
      if [ "$(id -u)" = 0 ]; then chown nobody "$D"; as=--user=nobody; fi
      export PATH="$PATH:/usr/sbin:/usr/libexec"
      mariadb-install-db --no-defaults $as --datadir="$D/data" --skip-test-db \
        --auth-root-authentication-method=normal >"$D.log" 2>&1 || { cat "$D.log"; exit 1; }
      mariadbd --no-defaults $as --datadir="$D/data" --socket="$D/s" --pid-file="$D/pid" \
        --skip-networking --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M \
        --skip-innodb-doublewrite --innodb-fast-shutdown=2 --max-connections=200 \
        --lower-case-table-names=0 --log-error="$D/errors" --tmpdir="$D" &
      pid=$!
      rm -f "$D.log"
      echo started
      read _ || true
      """
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", script]
    shell.environment = ["D": directory, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"]
    let (input, output) = (Pipe(), Pipe())
    shell.standardInput = input
    shell.standardOutput = output
    try shell.run()
    // Held open for as long as this process lives.
    MariaDBServer.lifeline.withLock { $0.append(input) }
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

  private static let lifeline = Mutex<[Pipe]>([])

  /// Why the server did not start.
  struct StartFailure: Error, CustomStringConvertible {
    let description: String
  }

  /// The address of a database.
  func address(of database: String) -> MySQLAddress {
    MySQLAddress(place: .socket("\(directory)/s"), user: "root", database: database)
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

  private let server: MariaDBServer

  init(
    _ files: [String: String] = [:],
    on server: Result<MariaDBServer, any Error> = MariaDBServer.shared
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

  func remove() { try? FileManager.default.removeItem(atPath: directory) }
}

extension Fixture {
  private init(options: MySQLServiceOptions, directory: String, server: MariaDBServer) {
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
