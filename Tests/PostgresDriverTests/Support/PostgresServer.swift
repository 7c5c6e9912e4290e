import Glibc
import PostgresDriver
import Synchronization
import WindlassCore

/// A private PostgreSQL server in a temporary directory, which ends with this process: the newest
/// of this system, or the one in the folder that `WINDLASS_POSTGRES_SERVER` names.
///
/// It listens on a UNIX socket alone. A shell holds it by a pipe: when this process ends, in
/// whatever way, the pipe closes, and the shell stops the server and removes its directory.
final class PostgresServer: Sendable {
  /// The server that all tests of this process share, each with databases of its own.
  static let shared = PostgresServer()

  /// What a server is to others.
  enum Part {
    case primary
    /// Left in recovery, without a primary.
    case orphan
    /// A standby that follows that server.
    case standby(of: PostgresServer)
  }

  /// Where its socket is.
  let directory: String
  private let counter = Mutex(0)
  /// Where the shell that holds the server reads statements.
  private let commands = Mutex<Int32>(-1)

  /// Starts a server; one that can't be started ends the tests.
  init(_ part: Part = .primary) {
    let template = strdup("/tmp/windlass-postgres-XXXXXX")
    guard let template, mkdtemp(template) != nil else { preconditionFailure("no directory") }
    directory = String(cString: template)
    free(template)
    // The server refuses to run as root.
    if getuid() == 0, let nobody = getpwnam("nobody") {
      chown(directory, nobody.pointee.pw_uid, nobody.pointee.pw_gid)
    }
    start(part)
  }

  /// Has the server's own client run a statement, as on a standby, which Windlass does not use.
  /// What comes of it is seen on the server.
  func execute(_ statement: String) {
    let line = Array("\(statement)\n".utf8)
    let count = commands.withLock { write($0, line, line.count) }
    precondition(count == line.count, "the shell that holds the server is gone")
  }

  /// The URL of a database of that server.
  func url(_ database: String, user: String = "windlass") -> String {
    "postgres://\(user)@/\(database)?host=\(directory)"
  }

  /// Makes an empty database for one test.
  func makeDatabase() throws -> PostgresURL {
    let name = counter.withLock { counter in
      counter += 1
      return "test_\(counter)"
    }
    try PostgresConnection(PostgresOptions(url: PostgresURL(url("postgres"))))
      .execute("CREATE DATABASE \(name) TEMPLATE template0")
    return try PostgresURL(url(name))
  }

  private static let script = """
    set -eu
    bin=$(ls -d "$3"/usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    if [ "$2" = standby ]; then
      "$bin/pg_basebackup" -D "$1/data" -h "$4" -U windlass -R -c fast --no-sync \
        >"$1/initdb.log" 2>&1
    else
      "$bin/initdb" -D "$1/data" -U windlass -A trust --no-sync -E UTF8 --locale=C.UTF-8 \
        >"$1/initdb.log" 2>&1
    fi
    if [ "$2" = orphan ]; then touch "$1/data/standby.signal"; fi
    "$bin/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=off \
      -c full_page_writes=off -c shared_buffers=16MB -c max_connections=300 \
      -c autovacuum=off -c shared_preload_libraries=pg_stat_statements \
      -c pg_stat_statements.max=50000 >"$1/server.log" 2>&1 &
    server=$!
    while read -r statement; do
      "$bin/psql" -X -h "$1" -U windlass -d postgres -c "$statement" >>"$1/psql.log" 2>&1 || true
    done
    kill -INT "$server"
    wait "$server" || true
    rm -rf "$1"
    """

  private func start(_ part: Part) {
    let (word, primary) =
      switch part {
      case .primary: ("primary", "")
      case .orphan: ("orphan", "")
      case .standby(let server): ("standby", server.directory)
      }
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0, "no pipe")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    var words = [
      "/bin/sh", "-c", Self.script, "postgres-server", directory, word,
      getenv("WINDLASS_POSTGRES_SERVER").map { String(cString: $0) } ?? "", primary,
    ]
    if getuid() == 0 {
      words = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] + words
    }
    let program = words[0]
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let settings = ["PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"]
    let variables: [UnsafeMutablePointer<CChar>?] = settings.map { strdup($0) } + [nil]
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, &actions, nil, arguments, variables)
    precondition(code == 0, "\(program) can't be started")
    posix_spawn_file_actions_destroy(&actions)
    for text in arguments + variables { free(text) }
    close(ends[0])
    commands.withLock { $0 = ends[1] }
    waitUntilReady()
  }

  private func waitUntilReady() {
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
      do throws(StepFailure) {
        _ = try PostgresConnection(PostgresOptions(url: PostgresURL(url("postgres"))))
        return
      } catch  where error.code == "StandbyServer" {
        return
      } catch {
        usleep(50_000)
      }
    }
    preconditionFailure("the server in \(directory) did not start")
  }
}
