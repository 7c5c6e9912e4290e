import Glibc
import WindlassCore

/// A database server of its own: an unprivileged process that is reached by a UNIX socket alone, in
/// a directory that goes with it.
final class PrivateServer {
  /// The user that owns every database that is made with the server.
  static let user = "beacon"
  /// Nanoseconds for the server to be ready, and to end.
  private static let deadline: Int64 = 60_000_000_000

  /// Where data, socket and log lie.
  let directory: PrivateDirectory
  let engine: ServerEngine
  private let password: String
  private let adminPassword: String
  private let process: LoggedProcess

  /// Makes the data directory with the databases, and starts the server.
  ///
  /// - Parameter databases: plain names in lower case.
  /// - Throws: `CommandFailure` with the Debian package that is missing, or with the server's last
  ///   words.
  static func start(
    _ engine: ServerEngine, databases: [String]
  ) async throws -> PrivateServer {
    let recipe: any ServerRecipe =
      switch engine {
      case .postgres: try PostgresRecipe()
      case .mysql:
        if let mysqld = ServerPrograms.mySQL() { MySQLRecipe(mysqld) } else { try MariaDBRecipe() }
      }
    let directory = try PrivateDirectory.temporary("windlass-\(engine.rawValue)")
    do {
      return try await PrivateServer(recipe, engine, directory, databases)
    } catch {
      directory.remove()
      throw error
    }
  }

  private init(
    _ recipe: any ServerRecipe, _ engine: ServerEngine, _ directory: PrivateDirectory,
    _ databases: [String]
  ) async throws {
    self.directory = directory
    self.engine = engine
    password = PrivateServer.randomText()
    adminPassword = PrivateServer.randomText()
    try ServerAccount.give(directory)
    let place = ServerPlace(
      directory: directory.path, user: PrivateServer.user, password: password,
      adminPassword: adminPassword, databases: databases)
    for (name, text) in recipe.files(place) {
      try ServerAccount.give(try directory.write(name, text.utf8))
    }
    let log = "\(directory.path)/server.log"
    for step in recipe.preparation(place) {
      let process = try LoggedProcess(
        ServerAccount.command(step.words), environment: PrivateServer.environment,
        input: step.input ?? "/dev/null", log: log)
      try await PrivateServer.wait(for: "prepare its directory", process) { !process.isRunning }
      guard process.hasSucceeded else { throw PrivateServer.failure("prepare", process) }
    }
    // A password in a file is needed for the moment of making only.
    for (name, _) in recipe.files(place) where name != recipe.keptFile {
      unlink("\(directory.path)/\(name)")
    }
    let process = try LoggedProcess(
      ServerAccount.command(recipe.server(place)), environment: PrivateServer.environment, log: log
    )
    self.process = process
    do {
      try await PrivateServer.wait(for: "be ready", process) {
        process.lastLines(50).contains { $0.contains(recipe.readyWords) }
      }
    } catch {
      process.kill()
      throw error
    }
  }

  /// The server's process.
  var pid: pid_t { process.pid }

  /// How a client reaches a database of the server, with its password.
  func url(of database: String) -> String { url(of: database, as: PrivateServer.user, password) }

  /// The same as the engine's own first user, who may make others.
  func adminURL(of database: String) -> String {
    url(of: database, as: engine == .postgres ? "postgres" : "root", adminPassword)
  }

  /// The same as a user that was made later.
  func url(of database: String, as user: String, _ password: String) -> String {
    let place = "\(user):\(password)@"
    return switch engine {
    case .postgres: "postgres://\(place)/\(database)?host=\(directory.path)"
    case .mysql: "mysql://\(place)localhost/\(database)?socket=\(directory.path)/socket"
    }
  }

  /// Ends the server, and removes its directory.
  func stop() async {
    // PostgreSQL waits for its clients on SIGTERM; SIGINT ends them.
    process.terminate(by: engine == .postgres ? SIGINT : SIGTERM)
    // A server that does not end in time is ended by force.
    try? await PrivateServer.wait(for: "end", nil) { !process.isRunning }
    process.kill()
    directory.remove()
  }

  private static let environment = ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

  /// 32 random letters and digits.
  private static func randomText() -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return String((0..<32).compactMap { _ in letters.randomElement() })
  }

  private static func wait(
    for what: String, _ process: LoggedProcess?, until isDone: () -> Bool
  ) async throws {
    let deadline = LoadClock.now() + PrivateServer.deadline
    while !isDone() {
      if let process, !process.isRunning, !isDone() { throw failure(what, process) }
      guard LoadClock.now() < deadline else { throw failure(what, process) }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private static func failure(_ what: String, _ process: LoggedProcess?) -> CommandFailure {
    let words = process?.lastLines(3).joined(separator: " / ") ?? ""
    return CommandFailure(
      .failed, "ServerNotStarted",
      "The private database server did not \(what). Its last words: \(words)")
  }
}

/// The engines that a private server can be of.
enum ServerEngine: String, CaseIterable, Sendable {
  case postgres, mysql
}
