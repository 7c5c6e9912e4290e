/// What a private server is made for.
struct ServerPlace: Sendable {
  /// Data, socket and log are in it.
  var directory: String
  /// Who owns the databases.
  var user: String
  var password: String
  /// Of the engine's own first user, whom nobody needs afterwards.
  var adminPassword: String
  var databases: [String]

  var data: String { "\(directory)/data" }
}

/// How the programs of an engine make and run a private server.
protocol ServerRecipe {
  /// What the server's log says once it takes connections.
  var readyWords: String { get }
  /// The file that the running server needs; the others are removed before it starts.
  var keptFile: String? { get }
  /// Files that are written to the directory before anything is started.
  func files(_ place: ServerPlace) -> [(name: String, text: String)]
  /// Commands that are run in order before the server; each reads its input from that file.
  func preparation(_ place: ServerPlace) -> [(words: [String], input: String?)]
  /// The command that is the server.
  func server(_ place: ServerPlace) -> [String]
}

/// PostgreSQL.
struct PostgresRecipe: ServerRecipe {
  let readyWords = "ready to accept connections"
  let keptFile: String? = nil
  private let initdb: String
  private let postgres: String

  /// Finds the programs.
  init() throws(CommandFailure) {
    initdb = try ServerPrograms.postgres("initdb")
    postgres = try ServerPrograms.postgres("postgres")
  }

  func files(_ place: ServerPlace) -> [(name: String, text: String)] {
    // One statement a line. The owner may make databases, so that a rehearsal gets its copies, and
    // sees who would be in a migration's way.
    var text = "CREATE ROLE \(place.user) LOGIN CREATEDB PASSWORD '\(place.password)';\n"
    text += "GRANT pg_read_all_stats TO \(place.user);\n"
    for database in place.databases {
      text += "CREATE DATABASE \(database) OWNER \(place.user);\n"
    }
    return [("admin-password", place.adminPassword + "\n"), ("roles.sql", text)]
  }

  func preparation(_ place: ServerPlace) -> [(words: [String], input: String?)] {
    let make = [
      initdb, "--pgdata", place.data, "--encoding=UTF8", "--locale=C.UTF-8",
      "--auth=scram-sha-256", "--username=postgres",
      "--pwfile=\(place.directory)/admin-password", "--no-sync", "--no-instructions",
    ]
    return [
      (make, nil),
      ([postgres, "--single", "-D", place.data, "postgres"], "\(place.directory)/roles.sql"),
    ]
  }

  func server(_ place: ServerPlace) -> [String] {
    // Nothing in it outlives the server, so nothing has to reach the disk.
    let settings = [
      "listen_addresses=", "unix_socket_directories=\(place.directory)",
      "unix_socket_permissions=0777", "fsync=off", "full_page_writes=off",
    ]
    return [postgres, "-D", place.data] + settings.flatMap { ["-c", $0] }
  }
}

/// MariaDB.
struct MariaDBRecipe: ServerRecipe {
  let readyWords = "ready for connections"
  let keptFile: String? = "users.sql"
  private let install: String
  private let mariadbd: String

  /// Finds the programs.
  init() throws(CommandFailure) {
    install = try ServerPrograms.mariaDB("mariadb-install-db")
    mariadbd = try ServerPrograms.mariaDB("mariadbd")
  }

  func files(_ place: ServerPlace) -> [(name: String, text: String)] {
    var text = "ALTER USER root@localhost IDENTIFIED BY '\(place.adminPassword)';\n"
    text += "CREATE USER IF NOT EXISTS \(place.user)@localhost"
    text += " IDENTIFIED BY '\(place.password)';\n"
    text += "GRANT ALL PRIVILEGES ON *.* TO \(place.user)@localhost WITH GRANT OPTION;\n"
    for database in place.databases { text += "CREATE DATABASE IF NOT EXISTS \(database);\n" }
    return [("users.sql", text)]
  }

  func preparation(_ place: ServerPlace) -> [(words: [String], input: String?)] {
    let words = [
      install, "--no-defaults", "--datadir=\(place.data)", "--tmpdir=\(place.directory)",
      "--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=normal",
    ]
    // A script that looks for the server where it was told, or else in the usual places.
    let folder =
      install.hasPrefix("/usr/")
      ? [] : ["--basedir=\(install.dropLast("/bin/mariadb-install-db".count))"]
    return [(words + folder, nil)]
  }

  func server(_ place: ServerPlace) -> [String] {
    [
      mariadbd, "--no-defaults", "--datadir=\(place.data)", "--socket=\(place.directory)/socket",
      // A server that starts removes all temporary tables from that folder, whose ever they are.
      "--tmpdir=\(place.directory)", "--pid-file=\(place.directory)/pid", "--skip-networking",
      "--skip-name-resolve",
      "--skip-log-bin", "--init-file=\(place.directory)/users.sql",
      // Nothing in it outlives the server, so nothing has to reach the disk.
      "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
    ]
  }
}
