import Foundation
import PostgresDriver
import Synchronization

/// What the stand-in makes of a statement.
extension CockroachStandIn {
  /// The statement with which PostgreSQL gives CockroachDB's answer.
  func answer(to text: String, isInTransaction: Bool, job: inout Job?) -> String {
    if let refusal = Self.refusal(of: text, isInTransaction: isInTransaction) { return refusal }
    if text.hasPrefix("SHOW JOBS WHEN COMPLETE") {
      state.withLock { state in
        for index in state.jobs.indices where state.jobs[index].status == "running" {
          state.jobs[index].status = state.jobs[index].end
        }
      }
      return "SELECT 1"
    }
    if Self.isDefinition(text) { job = Job(description: text.replacing("\n", with: " ")) }
    var text = text
    for (pattern, answer) in Self.answers { text = text.replacing(pattern, with: answer) }
    if let match = text.firstMatch(of: /\[SHOW TRIGGERS FROM ([^\]]+)\]/) {
      text = text.replacing(match.output.0, with: Self.triggers(of: String(match.output.1)))
    }
    if let match = text.firstMatch(of: /\[SHOW CREATE TRIGGER "([^"]+)" ON ([^\]]+)\]/) {
      text = text.replacing(
        match.output.0,
        with: Self.triggers(of: String(match.output.2), named: String(match.output.1)))
    }
    text = text.replacing("[SHOW JOBS]", with: jobs)
    text = text.replacing("[SHOW CLUSTER SESSIONS]", with: sessions)
    return Self.isDefinition(text) ? Self.translated(text) : text
  }

  // MARK: Refusals

  private static let missing = [
    "pg_advisory", "pg_try_advisory", "pg_export_snapshot", "pg_locks", "pg_control_system",
    "pg_stat_activity", "SNAPSHOT '", "LOCK TABLE", "client_connection_check_interval",
  ]

  private static func refusal(of text: String, isInTransaction: Bool) -> String? {
    if let name = missing.first(where: text.contains) {
      return raise("0A000", "the stand-in has no \(name)")
    }
    if isInTransaction, isDefinition(text) {
      return raise("0A000", "the stand-in takes no definition inside a transaction")
    }
    let rest = text.split(separator: ";").dropFirst()
    if !text.contains("$$"), rest.contains(where: { isDefinition(String($0)) }) {
      return raise("0A000", "the stand-in takes no second definition in one message")
    }
    return nil
  }

  static func raise(_ state: String, _ message: String) -> String {
    let quoted = message.replacing("'", with: "''")
    return "DO $raise$ BEGIN RAISE EXCEPTION '\(quoted)' USING ERRCODE = '\(state)'; END $raise$"
  }

  /// Whether a statement changes the schema.
  static func isDefinition(_ text: String) -> Bool {
    let word = text.drop { $0.isWhitespace }.prefix { $0.isLetter }.uppercased()
    return ["ALTER", "CREATE", "DROP", "TRUNCATE", "COMMENT"].contains(word)
  }

  // MARK: Answers

  private static let answers: [(String, String)] = [
    ("version()", "'CockroachDB CCL v25.2.3 (a stand-in on PostgreSQL)'::text"),
    ("SHOW session_id", "SELECT pg_backend_pid()::text AS session_id"),
    (
      "crdb_internal.cluster_id()::text",
      "(SELECT system_identifier::text FROM pg_control_system())"
    ),
    (
      "FROM pg_catalog.pg_settings WHERE",
      """
      FROM (SELECT name, setting FROM pg_catalog.pg_settings UNION ALL
        SELECT n, coalesce(current_setting('cockroach.' || n, true), 'on')
        FROM unnest('{autocommit_before_ddl,sql_safe_updates}'::text[]) n) AS settings WHERE
      """
    ),
    ("SET autocommit_before_ddl", "SET cockroach.autocommit_before_ddl"),
    ("SET sql_safe_updates", "SET cockroach.sql_safe_updates"),
    ("SHOW CREATE ALL TABLES", definitions),
    (
      "[SHOW DATABASES WITH COMMENT]",
      "(SELECT datname::text AS database_name, shobj_description(oid, 'pg_database') AS comment"
        + " FROM pg_database) AS databases"
    ),
    ("sha256(row_text)", "encode(sha256(convert_to(row_text, 'UTF8')), 'hex')"),
  ]

  private static func triggers(of table: String, named name: String? = nil) -> String {
    "(SELECT tgname::text AS trigger_name, pg_get_triggerdef(oid) AS create_statement"
      + " FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = '\(table)'::regclass"
      + "\(name.map { " AND tgname = '\($0)'" } ?? "") ORDER BY tgname) AS triggers"
  }

  private static let definitions = """
    SELECT 'CREATE TABLE ' || format('%I.%I', n.nspname, c.relname) || ' ('
      || (SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
          || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
          || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''), ', ' ORDER BY a.attnum)
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
      || coalesce((SELECT string_agg(', CONSTRAINT ' || quote_ident(k.conname) || ' '
          || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
        FROM pg_constraint k WHERE k.conrelid = c.oid), '')
      || coalesce((SELECT string_agg(', ' || pg_get_indexdef(x.indexrelid), ''
          ORDER BY x.indexrelid::regclass::text)
        FROM pg_index x WHERE x.indrelid = c.oid), '') || ');' AS create_statement
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'CREATE VIEW ' || format('%I.%I', n.nspname, c.relname) || ' AS '
      || pg_get_viewdef(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY 1
    """

  private var jobs: String {
    let jobs = state.withLock { $0.jobs }
    let empty = "(0, '', '', 'none', NULL, to_timestamp(0), to_timestamp(0))"
    let rows = jobs.enumerated().map { index, job in
      let description = job.description.replacing("'", with: "''")
      let finished = job.status == "succeeded" || job.status == "failed" ? "now()" : "NULL"
      let error = job.status == "failed" ? "'injected'" : "NULL"
      return "(\(index + 1), 'SCHEMA CHANGE', '\(description)', '\(job.status)', \(error),"
        + " to_timestamp(\(job.created.timeIntervalSince1970)), \(finished)::timestamptz)"
    }
    return "(VALUES \(([empty] + rows).joined(separator: ", "))) AS jobs"
      + " (job_id, job_type, description, status, error, created, finished)"
  }

  private var sessions: String {
    let isSilent = state.withLock { $0.isNodeSilent }
    let silent = isSilent ? " UNION ALL SELECT NULL, NULL" : ""
    return "(SELECT pid::text AS session_id, application_name FROM pg_stat_activity"
      + " WHERE backend_type = 'client backend'\(silent))"
      + " AS sessions"
  }

  /// CockroachDB's types and its own forms, in PostgreSQL's words.
  static func translated(_ text: String) -> String {
    var text = text.replacing(/\bINT\b/.ignoresCase(), with: "INT8")
      .replacing(/\bSTRING\b/.ignoresCase(), with: "text")
    if let match = text.firstMatch(of: /DROP INDEX (IF EXISTS )?\w+@(\w+)/) {
      text = text.replacing(
        match.output.0, with: "DROP INDEX \(match.output.1 ?? "")\(match.output.2)")
    }
    if let match = text.firstMatch(
      of: /ALTER TABLE (\w+) ALTER PRIMARY KEY USING COLUMNS (\([\w, ]+\))/)
    {
      text =
        "ALTER TABLE \(match.output.1) DROP CONSTRAINT \(match.output.1)_pkey,"
        + " ADD CONSTRAINT \(match.output.1)_pkey PRIMARY KEY \(match.output.2)"
    }
    return text
  }
}
