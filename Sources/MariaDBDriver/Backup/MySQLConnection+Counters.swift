import WindlassCore
import WindlassSchema

extension MySQLConnection {
  /// What the counters of tables with `AUTO_INCREMENT`, and MariaDB's sequences that do not begin
  /// anew when they end, would give next.
  func counters() throws(StepFailure) -> [CounterSpan] {
    // MySQL would answer with what it knew a day ago.
    if !server.isMariaDB, server.isAtLeast(8, 0) {
      try run("SET SESSION information_schema_stats_expiry = 0")
    }
    let rows = try rows(
      """
      SELECT t.TABLE_NAME AS name, t.TABLE_TYPE AS type,
        CAST(LEAST(COALESCE(t.AUTO_INCREMENT, 1), 9223372036854775807) AS SIGNED) AS next
      FROM information_schema.TABLES t
      WHERE t.TABLE_SCHEMA = DATABASE() AND (t.TABLE_TYPE = 'SEQUENCE' OR EXISTS (
        SELECT 1 FROM information_schema.COLUMNS c
        WHERE c.TABLE_SCHEMA = DATABASE() AND c.TABLE_NAME = t.TABLE_NAME
          AND c.EXTRA LIKE '%auto_increment%'))
      ORDER BY t.TABLE_NAME
      """)
    var counters: [CounterSpan] = []
    for row in rows where !OwnTables.volatile.contains(row.text("name")) {
      let name = row.text("name")
      guard row.text("type") == "SEQUENCE" else {
        counters.append(CounterSpan(name: name, next: row["next"].integer ?? 1))
        continue
      }
      let sequence = try self.rows(
        "SELECT next_not_cached_value AS next, cycle_option AS cycles"
          + " FROM \(MySQLText.quoted(name))"
      ).first
      guard let sequence, sequence["cycles"].integer == 0 else { continue }
      counters.append(CounterSpan(name: name, next: sequence["next"].integer ?? 0))
    }
    return counters
  }
}
