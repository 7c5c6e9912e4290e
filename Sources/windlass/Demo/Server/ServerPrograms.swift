import Glibc

/// Finds the programs of a database server on this machine.
enum ServerPrograms {
  /// The path of one of PostgreSQL's programs, of the newest version that is installed.
  static func postgres(_ name: String) throws(CommandFailure) -> String {
    // Debian keeps each version's programs in a directory of its own, out of the path.
    let root = "/usr/lib/postgresql"
    let versions = PrivateDirectory(existing: root).names().compactMap { Int($0) }.sorted(by: >)
    let directories = versions.map { "\(root)/\($0)/bin" } + path
    return try find(name, in: directories, package: "postgresql")
  }

  /// The path of one of MariaDB's programs.
  static func mariaDB(_ name: String) throws(CommandFailure) -> String {
    try find(name, in: path, package: "mariadb-server-core")
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
