import ArgumentParser
import Glibc

/// Lets clients work on a table while somebody adds a column to it, and prints how long they stood.
struct LocksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "locks",
    abstract: "Prints how long clients stand still while a column is added to their table.",
    discussion: "Example: .ci/bench.sh locks")

  @Option(help: "The server: \(LockEngine.allCases.map(\.rawValue).joined(separator: " or ")).")
  var engine: LockEngine
  @Option(help: "PostgreSQL's directory of sockets, or the other's socket.") var socket: String
  @Option(help: "The user.") var user: String
  @Option(help: "The database, which is empty.") var database: String
  @Option(help: "The program windlass.") var windlass: String
  @Option(help: "An empty directory for migrations.") var directory: String
  @Option(help: "The file for what the programs write.") var log: String
  @Option(help: "How many rows the table has.") var rows = 1_000_000
  @Option(help: "How many clients there are.") var clients = 8
  @Option(help: "Trials with a long transaction.") var longTrials = 10
  @Option(help: "How long it is open, in seconds.") var longHold = 20
  @Option(help: "Trials with a short transaction.") var trials = 90
  @Option(help: "How long it is open, in seconds.") var hold = 2
  @Option(help: "Short trials without a migration.") var quietTrials = 30
  @Option(help: "Short trials with the engine's own client.") var clientTrials = 5

  func validate() throws {
    guard rows > 0, clients > 0 else { throw ValidationError("There must be rows and clients.") }
  }

  func run() throws {
    let server = LockServer(engine: engine, socket: socket, user: user, database: database)
    try prepare(server)
    let trial = LockTrial(server: server, rows: rows, clients: clients, log: log)
    // One that counts for nothing.
    _ = try trial.run(.nothing, hold: .seconds(hold))
    let long = [Duration](repeating: .seconds(longHold), count: longTrials)
    let holds = long + [Duration](repeating: .seconds(hold), count: trials)
    var (quiet, changed, direct): ([Duration], [Duration], [Duration]) = ([], [], [])
    for (index, hold) in holds.enumerated() {
      // Spread over the whole time, because the machine is not the same all the time.
      if quietTrials * (index + 1) / holds.count > quiet.count {
        quiet.append(try trial.run(.nothing, hold: .seconds(self.hold)))
      }
      changed.append(try trial.run(.windlass(migration(index + 1, server)), hold: hold))
      note(index + 1, of: holds.count, hold, changed[index])
    }
    for index in 0..<clientTrials {
      let statement = "ALTER TABLE accounts ADD COLUMN direct_\(index + 1) INT"
      direct.append(
        try trial.run(.client(server.client(statement)), hold: .seconds(self.hold)))
    }
    let columns = [
      StallTable.Column(name: "no migration", stalls: quiet),
      StallTable.Column(name: "Windlass", stalls: changed),
      StallTable.Column(name: server.client("")[0], stalls: direct),
    ]
    for line in StallTable(columns: columns).lines { print(line) }
  }

  private func note(_ trial: Int, of count: Int, _ hold: Duration, _ stall: Duration) {
    let text = "bench: \(engine.rawValue) \(trial) of \(count), held open \(hold): \(stall.shown)\n"
    // A line that can't be written is missed by nobody who measures.
    _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
  }

  private func prepare(_ server: LockServer) throws(BenchFailure) {
    let connection = try server.connect()
    switch engine {
    case .postgres:
      try connection.run(
        "CREATE TABLE accounts (id bigint PRIMARY KEY, name text NOT NULL, balance bigint NOT NULL)"
      )
      try connection.run(
        "INSERT INTO accounts SELECT n, 'account ' || n, 0 FROM generate_series(1, \(rows)) n")
      try connection.run("VACUUM ANALYZE accounts")
      try connection.run("CHECKPOINT")
    case .mariadb, .mysql:
      try connection.run(
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL,"
          + " balance BIGINT NOT NULL)")
      if engine == .mysql { try connection.run("SET SESSION cte_max_recursion_depth = \(rows)") }
      let numbers =
        engine == .mariadb
        ? "SELECT seq AS n FROM seq_1_to_\(rows)"
        : "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < \(rows))"
          + " SELECT n FROM s"
      try connection.run(
        "INSERT INTO accounts SELECT n, CONCAT('account ', n), 0 FROM (\(numbers)) AS numbers")
    }
  }

  /// Writes the next migration, and returns the command that applies it.
  private func migration(
    _ number: Int, _ server: LockServer
  ) throws(BenchFailure) -> [String] {
    let path = "\(directory)/\(number)_column.up.sql"
    guard let file = fopen(path, "w") else {
      throw BenchFailure(description: "\(path) can't be written.")
    }
    fputs("ALTER TABLE accounts ADD COLUMN added_\(number) INT;\n", file)
    fclose(file)
    return [windlass, "migrate", "--database", server.url, "--path", directory]
  }
}

extension LockEngine: ExpressibleByArgument {}
