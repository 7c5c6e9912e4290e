import WindlassCore

/// How the engines differ in what lease, slots and their journal need.
package enum CoordinationDialect: Sendable {
  case postgres
  /// MySQL and MariaDB.
  case mysql

  /// The n-th parameter, from 1.
  func parameter(_ number: Int) -> String { self == .postgres ? "$\(number)" : "?" }

  /// Inserts a row unless one with its key is there.
  func inserting(into table: String, _ columns: [String]) -> String {
    let list = columns.joined(separator: ", ")
    let places = columns.indices.map { parameter($0 + 1) }.joined(separator: ", ")
    let values = "INTO \(table) (\(list)) VALUES (\(places))"
    return self == .postgres
      ? "INSERT \(values) ON CONFLICT DO NOTHING" : "INSERT IGNORE \(values)"
  }

  /// The schema in which a table without a qualifier is.
  var ownSchema: String { self == .postgres ? "current_schema()" : "DATABASE()" }

  /// Makes the tables that are missing, a statement at a time; all of them together are one
  /// transaction where the engine can.
  var creation: [String] {
    switch self {
    case .postgres:
      [
        // Of several that make one table at once all but one would fail, in one way or another.
        "SELECT pg_advisory_xact_lock(hashtextextended('\(OwnTables.lease)', 0))",
        """
        CREATE TABLE IF NOT EXISTS \(OwnTables.lease) (
          id int PRIMARY KEY CHECK (id = 1), holder text NOT NULL, term bigint NOT NULL,
          beat bigint NOT NULL)
        """,
        """
        CREATE TABLE IF NOT EXISTS \(OwnTables.slot) (
          name text PRIMARY KEY, beat bigint NOT NULL, orders text NOT NULL,
          report text NOT NULL)
        """,
        """
        CREATE TABLE IF NOT EXISTS \(OwnTables.journal) (
          number bigint PRIMARY KEY, service text NOT NULL, run text, kind text NOT NULL,
          effect text, at_ms bigint NOT NULL, payload bytea NOT NULL)
        """,
      ]
    case .mysql:
      [
        """
        CREATE TABLE IF NOT EXISTS \(OwnTables.lease) (
          id INT PRIMARY KEY, holder VARCHAR(191) NOT NULL, term BIGINT NOT NULL,
          beat BIGINT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
        """,
        """
        CREATE TABLE IF NOT EXISTS \(OwnTables.slot) (
          name VARCHAR(191) PRIMARY KEY, beat BIGINT NOT NULL, orders LONGTEXT NOT NULL,
          report LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
        """,
        """
        CREATE TABLE IF NOT EXISTS \(OwnTables.journal) (
          number BIGINT PRIMARY KEY, service VARCHAR(191) NOT NULL, run VARCHAR(191),
          kind VARCHAR(64) NOT NULL, effect VARCHAR(191), at_ms BIGINT NOT NULL,
          payload LONGBLOB NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
        """,
      ]
    }
  }

  /// Fails with `LeaseLost` unless the lease is this one's, and keeps it so until the transaction
  /// ends.
  func requiring(_ lease: Lease) -> BatchPart {
    .require(
      SQLStatement(
        "SELECT term FROM \(OwnTables.lease) WHERE id = 1 AND holder = \(parameter(1)) FOR UPDATE",
        [.text(lease.holder)]), equals: .integer(lease.term), orFail: .leaseLost)
  }
}
