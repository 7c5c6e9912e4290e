import Testing

@testable import PostgresDriver

/// What becomes of texts of `pg_stat_statements`.
struct CountedStatementTests {
  private func cleaned(_ text: String) -> Result<String, CountedStatement.OmissionError> {
    CountedStatement.cleaned(text, ledger: "schema_migrations")
  }

  @Test(arguments: [
    ("SELECT * FROM flags WHERE key = $1", "SELECT * FROM flags WHERE key = $1"),
    (#"SELECT "a b", "x""y" FROM s."F""#, #"SELECT "a b", "x""y" FROM s."F""#),
    (
      "SELECT now() - interval $1, date $2 FROM t WHERE a > $3",
      "SELECT now() - $1::interval, $2::date FROM t WHERE a > $3"
    ),
    (
      "SELECT extract($1 FROM created) FROM t", "SELECT extract(epoch FROM created) FROM t"
    ),
    (
      "/* user=ann */ SELECT a -- secret\n FROM t WHERE b IN ($1 /*, ... */)",
      "SELECT a FROM t WHERE b IN ($1)"
    ),
    // What the server had no room to look for.
    (
      "INSERT INTO t (a, b) VALUES ('s3cret', 42), (E'it\\'s', -7.5)",
      "INSERT INTO t (a, b) VALUES ($1, $2), ($3, -$4)"
    ),
    (
      "UPDATE t SET a = $2 WHERE b = 'x' AND c = $1 LIMIT 5",
      "UPDATE t SET a = $2 WHERE b = $3 AND c = $1 LIMIT $4"
    ),
    ("SELECT $$a$$, interval '1 day'", "SELECT $1, $2::interval"),
    // Numbers that are no values.
    (
      "SELECT a::numeric(10, 2), b::varchar(20) FROM t GROUP BY 1, 2 ORDER BY 2 DESC, 1 LIMIT 10",
      "SELECT a::numeric(10, 2), b::varchar(20) FROM t GROUP BY 1, 2 ORDER BY 2 DESC, 1 LIMIT $1"
    ),
    ("SELECT a[1], f(2, 3) FROM t", "SELECT a[$1], f($2, $3) FROM t"),
    ("(SELECT 1) UNION ALL (SELECT a FROM t)", "(SELECT $1) UNION ALL (SELECT a FROM t)"),
    ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT $1) SELECT * FROM x"),
    ("SELECT pg_notify($1, $2)", "SELECT pg_notify($1, $2)"),
  ])
  func `a statement is kept so that it can be prepared, without its values`(
    _ text: String, _ expected: String
  ) throws {
    #expect(try cleaned(text).get() == expected)
  }

  @Test(arguments: [
    ("CREATE USER u PASSWORD 's3cret'", CountedStatement.Omission.notAsked),
    ("SET a = 'b'", .notAsked), ("BEGIN", .notAsked), ("COPY t FROM STDIN", .notAsked),
    ("SELECT 'cut off", .unreadable), ("", .unreadable), ("-- nothing", .unreadable),
    ("SELECT epoch FROM windlass_fence", .windlass),
    (#"INSERT INTO "public"."schema_migrations" (version) VALUES ($1)"#, .windlass),
    ("SELECT * FROM pg_stat_activity", .catalogue),
    ("SELECT 1 FROM information_schema.tables", .catalogue),
    ("SELECT oid FROM pg_catalog.pg_class", .catalogue),
  ])
  func `what is none of the service's is left out`(
    _ text: String, _ reason: CountedStatement.Omission
  ) {
    guard case .failure(let omission) = cleaned(text) else {
      Issue.record("\(text) was kept")
      return
    }
    #expect(omission.reason == reason)
  }
}
