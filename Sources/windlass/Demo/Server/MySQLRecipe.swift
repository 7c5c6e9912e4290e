/// MySQL.
struct MySQLRecipe: ServerRecipe {
  let readyWords = "ready for connections"
  let keptFile: String? = "users.sql"
  private let mysqld: String

  /// Takes the program's path.
  init(_ mysqld: String) { self.mysqld = mysqld }

  func files(_ place: ServerPlace) -> [(name: String, text: String)] {
    var text = "ALTER USER root@localhost IDENTIFIED BY '\(place.adminPassword)';\n"
    text += "CREATE USER IF NOT EXISTS \(place.user)@localhost"
    text += " IDENTIFIED BY '\(place.password)';\n"
    text += "GRANT ALL PRIVILEGES ON *.* TO \(place.user)@localhost WITH GRANT OPTION;\n"
    for database in place.databases { text += "CREATE DATABASE IF NOT EXISTS \(database);\n" }
    return [("users.sql", text)]
  }

  func preparation(_ place: ServerPlace) -> [(words: [String], input: String?)] {
    let words = [mysqld, "--no-defaults", "--initialize-insecure", "--datadir=\(place.data)"]
    return [(words + Self.settings, nil)]
  }

  func server(_ place: ServerPlace) -> [String] {
    [
      mysqld, "--no-defaults", "--datadir=\(place.data)", "--socket=\(place.directory)/socket",
      "--tmpdir=\(place.directory)", "--pid-file=\(place.directory)/pid", "--skip-networking",
      "--mysqlx=OFF", "--skip-log-bin",
      "--init-file=\(place.directory)/users.sql", "--innodb-flush-log-at-trx-commit=0",
      "--innodb-doublewrite=OFF",
    ] + Self.settings
  }

  /// Nothing in it outlives the server, so nothing has to reach the disk.
  private static let settings = ["--innodb-redo-log-capacity=8M", "--innodb-flush-method=nosync"]
}
