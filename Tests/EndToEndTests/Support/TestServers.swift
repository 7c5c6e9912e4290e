import CMariaDB
import CPostgres
import Glibc
import Synchronization
import Testing

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

  /// The URL of the database that a server begins with.
  private struct ServerURL: Sendable {
    var text: String
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

  private static func start(_ engine: ServerEngine) async throws -> ServerURL {
    let server = try await PrivateServer.start(engine, databases: ["first"])
    running.withLock { running in
      if running.isEmpty {
        atexit { TestServers.stopAll() }
      }
      running.append((server.pid, server.directory.path))
    }
    return ServerURL(text: server.url(of: "first"))
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
    switch engine {
    case .postgres:
      let connection = PQconnectdb(server)
      defer { PQfinish(connection) }
      let result = PQexec(connection, "CREATE DATABASE \(name)")
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
        connection, nil, address[1], address[2], "first", 0, socket, 0)
      try #require(isConnected != nil, "\(String(cString: mysql_error(connection)))")
      try #require(mysql_query(connection, "CREATE DATABASE \(name)") == 0)
    }
  }
}
