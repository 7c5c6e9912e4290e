import CMariaDB
import CPostgres
import Glibc
import Synchronization
import Testing
import WindlassContracts

@testable import windlass

/// The private database servers of this test process: one of each engine, with many databases.
actor TestServers {
  static let shared = TestServers()
  /// The engines to test: all, or the one that `WINDLASS_TEST_ENGINE` names.
  static let engines = ServerEngine.allCases.filter { engine in
    let chosen = getenv("WINDLASS_TEST_ENGINE").map { String(cString: $0) } ?? ""
    return chosen.isEmpty || chosen == engine.rawValue
  }
  private var starting: [ServerEngine: Task<ServerURL, any Error>] = [:]
  private var count = 0
  /// The running servers, which must not outlive this process.
  private static let running = Mutex<[(pid: pid_t, directory: String)]>([])

  /// The URL of the database that a server begins with, as the owner of it and as the server's own
  /// first user.
  private struct ServerURL: Sendable {
    var text: String
    var admin: String
  }

  /// A database with the users of `docs/roles.md`, each with exactly the rights that the page gives
  /// it.
  struct RoleDatabase: Sendable {
    /// What stands for `shop` in the page.
    var name: String
    /// The URL of the service's own user, with the rights to use tables and no others.
    var main: String
    /// The URLs of the others, by the words of the page.
    var others: [String: String]
    /// As the server's own first user.
    var admin: String
  }

  /// The URL of a new, empty database.
  func freshDatabase(_ engine: ServerEngine) async throws -> String {
    let task = starting[engine] ?? Task { try await TestServers.start(engine) }
    starting[engine] = task
    let server = try await task.value.text
    count += 1
    let name = "test\(count)"
    try TestServers.create(name, engine, server)
    return server.replacing("/first?", with: "/\(name)?")
  }

  /// Makes an empty database with those users.
  func roleDatabase(_ engine: ServerEngine) async throws -> RoleDatabase {
    let task = starting[engine] ?? Task { try await TestServers.start(engine) }
    starting[engine] = task
    let server = try await task.value.admin
    count += 1
    let name = "test\(count)"
    try TestServers.create(name, engine, server)
    let admin = server.replacing("/first?", with: "/\(name)?")
    for statement in try TestServers.service(name, engine) + TestServers.roles(name, engine) {
      try TestServers.run(statement, engine, admin)
    }
    let url = { (user: String, password: String) in
      let start = admin.firstRange(of: "://")?.upperBound ?? admin.startIndex
      let end = admin.firstIndex(of: "@") ?? admin.startIndex
      return "\(admin[..<start])\(name)_\(user):\(password)\(admin[end...])"
    }
    return RoleDatabase(
      name: name, main: url("app", "choose-0"),
      others: [
        "backup": url("backup", "choose-1"), "migrate": url("migrate", "choose-2"),
        "probe": url("probe", "choose-3"),
        "scratch": url("scratch", "choose-4").replacing("/\(name)?", with: "/postgres?"),
      ], admin: admin)
  }

  /// What a service's own user needs, which is the service's affair.
  private static func service(_ name: String, _ engine: ServerEngine) -> [String] {
    switch engine {
    case .postgres:
      [
        "CREATE ROLE \(name)_owner", "CREATE ROLE \(name)_app LOGIN PASSWORD 'choose-0'",
        """
        ALTER DEFAULT PRIVILEGES FOR ROLE \(name)_owner IN SCHEMA public
          GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO \(name)_app
        """,
      ]
    case .mysql:
      [
        "CREATE USER '\(name)_app'@'%' IDENTIFIED BY 'choose-0'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON \(name).* TO '\(name)_app'@'%'",
      ]
    }
  }

  private static func roles(_ name: String, _ engine: ServerEngine) throws -> [String] {
    let parts =
      switch engine {
      case .postgres:
        ["users", "a closed database", "backup", "migrate", "probe", "scratch"]
          .map { "PostgreSQL: \($0)" }
      case .mysql:
        ["users", "backup", "migrate", "probe", "probe without CREATE"]
          .map { "MySQL and MariaDB: \($0)" }
          + ["backup", "migrate"].map {
            "\(ServerPrograms.mySQL() == nil ? "MariaDB" : "MySQL"): \($0)"
          }
      }
    return try parts.flatMap { try DocumentedSQL($0, for: name).statements }
  }

  private static func start(_ engine: ServerEngine) async throws -> ServerURL {
    let server = try await PrivateServer.start(engine, databases: ["first"])
    running.withLock { running in
      if running.isEmpty {
        atexit { TestServers.stopAll() }
      }
      running.append((server.pid, server.directory.path))
    }
    return ServerURL(text: server.url(of: "first"), admin: server.adminURL(of: "first"))
  }

  /// Runs when this process ends, so without any task.
  private static func stopAll() {
    for server in running.withLock({ $0 }) {
      // SIGQUIT is an end at once for either; nothing in them is worth keeping.
      kill(server.pid, SIGQUIT)
      var status: CInt = 0
      for _ in 0..<500 where waitpid(server.pid, &status, WNOHANG) == 0 { usleep(10_000) }
      kill(server.pid, SIGKILL)
      PrivateDirectory(existing: server.directory).remove()
    }
  }

  private static func create(
    _ name: String, _ engine: ServerEngine, _ server: String
  ) throws {
    try run("CREATE DATABASE \(name)", engine, server)
  }

  /// Runs one statement.
  private static func run(
    _ statement: String, _ engine: ServerEngine, _ server: String
  ) throws {
    switch engine {
    case .postgres:
      let connection = PQconnectdb(server)
      defer { PQfinish(connection) }
      let result = PQexec(connection, statement)
      defer { PQclear(result) }
      try #require(
        PQresultStatus(result) == PGRES_COMMAND_OK,
        "\(String(cString: PQerrorMessage(connection)))")
    case .mysql:
      let address = server.split { ":/@?=".contains($0) }.map(String.init)
      let socket = String(server.drop { $0 != "=" }.dropFirst())
      let connection = try #require(mysql_init(nil))
      defer { mysql_close(connection) }
      let isConnected = mysql_real_connect(
        connection, nil, address[1], address[2], address[4], 0, socket, 0)
      try #require(isConnected != nil, "\(String(cString: mysql_error(connection)))")
      try #require(
        mysql_query(connection, statement) == 0,
        "\(statement): \(String(cString: mysql_error(connection)))")
    }
  }
}
