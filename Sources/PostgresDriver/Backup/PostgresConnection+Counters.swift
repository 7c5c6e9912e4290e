import WindlassCore
import WindlassSchema

extension PostgresConnection {
  /// A sequence, with what the catalogue says of it.
  private struct Sequence {
    var schema: String
    var name: String
    var increment: String
    var cycles: Bool

    var text: String { "\(schema.quotedName).\(name.quotedName)" }
  }

  /// Sequences that are read by one statement.
  private static let batch = 100

  /// What every sequence would give next, but those of the server and of extensions, and those that
  /// begin anew when they end: nobody can tell where such a one went between two readings.
  ///
  /// Reading one takes the weakest lock on it, which is held until the transaction ends.
  func counters() throws(StepFailure) -> [CounterSpan] {
    let sequences = try sequences().filter { !$0.cycles }
    var counters: [CounterSpan] = []
    for start in stride(from: 0, to: sequences.count, by: Self.batch) {
      let part = sequences[start..<min(start + Self.batch, sequences.count)]
      let queries = part.enumerated().map { place, sequence in
        """
        SELECT \(place), least(greatest(last_value::numeric + CASE WHEN is_called \
        THEN \(sequence.increment) ELSE 0 END, -9223372036854775808), 9223372036854775807)::bigint \
        FROM \(sequence.text)
        """
      }
      let rows = try rows(queries.joined(separator: " UNION ALL ") + " ORDER BY 1")
      for (sequence, row) in zip(part, rows) {
        let name =
          sequence.schema == "public" ? sequence.name : "\(sequence.schema).\(sequence.name)"
        counters.append(CounterSpan(name: name, next: row.values[1].integer ?? 0))
      }
    }
    return counters
  }

  private func sequences() throws(StepFailure) -> [Sequence] {
    let rows = try rows(
      """
      SELECT n.nspname, c.relname, s.seqincrement::text, s.seqcycle
      FROM pg_catalog.pg_sequence s
      JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relpersistence <> 't'
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
            AND d.deptype = 'e')
      ORDER BY 1, 2
      """)
    return rows.map { row in
      Sequence(
        schema: row.values[0].text ?? "", name: row.values[1].text ?? "",
        increment: row.values[2].text ?? "1", cycles: row.values[3].integer == 1)
    }
  }
}
