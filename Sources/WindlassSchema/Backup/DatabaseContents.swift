package import WindlassCore

/// One table's rows: how many, and a digest of all of them.
package struct TableContents: Hashable, Codable, Sendable {
  package var name: String
  package var rows: Int64
  package var digest: Digest

  package init(name: String, rows: Int64, digest: Digest) {
    self.name = name
    self.rows = rows
    self.digest = digest
  }
}

/// Everything that a backup must hold: each table's rows and the definitions of all objects.
///
/// Windlass's fence, lock, lease and slots stand outside; ledger and history are in.
package struct DatabaseContents: Hashable, Codable, Sendable {
  /// By name, ascending.
  package var tables: [TableContents]
  /// The SHA-256 of every definition, and of what else the engine keeps about the database itself.
  package var fingerprint: Digest
  /// Counters that are in no table; nil where the engine has none, or a backup knows of none.
  package var counters: [CounterSpan]?

  package init(
    tables: [TableContents], fingerprint: Digest, counters: [CounterSpan]? = nil
  ) {
    self.tables = tables
    self.fingerprint = fingerprint
    self.counters = counters
  }

  /// In what two contents differ, as sentences with the given names for either side.
  package func differences(
    to other: DatabaseContents, here: String, there: String
  ) -> [String] {
    var differences: [String] = []
    if tables.count != other.tables.count {
      differences.append(
        "\(here) has \(tables.count) table(s) and \(there) \(other.tables.count)")
    }
    if fingerprint != other.fingerprint {
      differences.append("the definitions of tables, indexes, views or triggers differ")
    }
    let others = Dictionary(
      other.tables.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for table in tables {
      guard let match = others[table.name] else {
        differences.append("table \(table.name) is missing in \(there)")
        continue
      }
      if table.rows != match.rows {
        differences.append(
          "table \(table.name) has \(table.rows) row(s) in \(here) and \(match.rows) in \(there)")
      } else if table.digest != match.digest {
        differences.append("the rows of table \(table.name) differ")
      }
    }
    return differences
      + CounterSpan.differences(of: counters, to: other.counters, here: here, there: there)
  }
}
