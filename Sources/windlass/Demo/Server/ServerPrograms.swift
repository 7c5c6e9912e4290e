import Glibc

/// Finds the programs of a database server on this machine.
enum ServerPrograms {
  /// The path of one of PostgreSQL's programs, of the newest version that is installed.
  static func postgres(_ name: String) throws(CommandFailure) -> String {
    // Debian keeps each version's programs in a directory of its own, out of the path.
    let chosen = folder("WINDLASS_POSTGRES_SERVER")
    let root = "\(chosen ?? "")/usr/lib/postgresql"
    let versions = PrivateDirectory(existing: root).names().compactMap { Int($0) }.sorted(by: >)
    let directories = versions.map { "\(root)/\($0)/bin" } + (chosen == nil ? path : [])
    return try find(name, in: directories, package: "postgresql")
  }

  /// The path of one of MariaDB's programs.
  static func mariaDB(_ name: String) throws(CommandFailure) -> String {
    let chosen = folder("WINDLASS_MYSQL_SERVER").map { ["\($0)/usr/sbin", "\($0)/usr/bin"] }
    return try find(name, in: chosen ?? path, package: "mariadb-server-core")
  }

  /// The path of MySQL's server, where it is the one to start: it is in the chosen folder, or on
  /// this machine without MariaDB's.
  static func mySQL() -> String? {
    let directories = folder("WINDLASS_MYSQL_SERVER").map { ["\($0)/usr/sbin"] } ?? path
    let has = { (name: String) -> String? in
      let paths: [String] = directories.map { "\($0)/\(name)" }
      return paths.first { access($0, X_OK) == 0 }
    }
    return has("mariadbd") == nil ? has("mysqld") : nil
  }

  /// The folder with a server of another version, laid out as Debian does it, that a variable
  /// names.
  private static func folder(_ variable: String) -> String? {
    guard let value = getenv(variable) else { return nil }
    let folder = String(cString: value)
    return folder.isEmpty ? nil : folder
  }

  private static let path = [
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
  ]

  private static func find(
    _ name: String, in directories: [String], package: String
  ) throws(CommandFailure) -> String {
    for directory in directories where access("\(directory)/\(name)", X_OK) == 0 {
      return "\(directory)/\(name)"
    }
    throw CommandFailure(
      .failed, "ProgramMissing",
      "The program \(name) is not on this machine. Install the Debian package \(package), for "
        + "example with `apt-get install \(package)`, and run the command again.")
  }
}
