/// What stands for itself in a schema: one query for all of it, with kind, name and definition.
///
/// Its parameters are the ledger's schema, the ledger's table and the table that it locks by.
enum ObjectQueries {
  /// Every kind together.
  static let all = [
    views, triggers, routines, enums, domains, sequences, policies, extensions,
  ].joined(separator: "\nUNION ALL\n")

  private static func name(_ column: String) -> String {
    "CASE WHEN n.nspname = $1 THEN \(column)::text ELSE n.nspname || '.' || \(column) END"
  }

  private static let isService =
    "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"

  private static func isOurs(_ catalogue: String, _ oid: String) -> String {
    """
    NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '\(catalogue)'::regclass
      AND d.objid = \(oid) AND d.deptype = 'e')
    """
  }

  private static let isServiceTable = """
    c.relname NOT LIKE 'windlass\\_%' AND NOT (n.nspname = $1 AND c.relname IN ($2, $3))
    """

  private static let views = """
    SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END,
      \(name("c.relname")), pg_get_viewdef(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm') AND \(isService) AND \(isOurs("pg_class", "c.oid"))
    """

  private static let triggers = """
    SELECT 'trigger', \(name("c.relname")) || '.' || t.tgname,
      pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' ' || t.tgenabled::text END
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND \(isService) AND \(isServiceTable)
    """

  private static let routines = """
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
      \(name("p.proname")) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      pg_get_functiondef(p.oid)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p', 'w') AND \(isService) AND \(isOurs("pg_proc", "p.oid"))
    """

  private static let enums = """
    SELECT 'enum', \(name("t.typname")),
      (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
        FROM pg_enum e WHERE e.enumtypid = t.oid)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'e' AND \(isService) AND \(isOurs("pg_type", "t.oid"))
    """

  private static let domains = """
    SELECT 'domain', \(name("t.typname")), format_type(t.typbasetype, t.typtypmod)
      || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
      || coalesce(' DEFAULT ' || t.typdefault, '')
      || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'd' AND \(isService) AND \(isOurs("pg_type", "t.oid"))
    """

  private static let sequences = """
    SELECT 'sequence', \(name("c.relname")), format_type(s.seqtypid, NULL)
      || ' START ' || s.seqstart || ' INCREMENT ' || s.seqincrement || ' MAXVALUE ' || s.seqmax
      || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND \(isService) AND \(isServiceTable)
      AND \(isOurs("pg_class", "c.oid"))
    """

  private static let policies = """
    SELECT 'policy', \(name("c.relname")) || '.' || p.polname,
      p.polcmd::text || CASE WHEN p.polpermissive THEN '' ELSE ' RESTRICTIVE' END
      || coalesce(' USING ' || pg_get_expr(p.polqual, p.polrelid), '')
      || coalesce(' WITH CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid), '')
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE \(isService) AND \(isServiceTable)
    """

  // The first language and the like come with every database; the parameters stay in use.
  private static let extensions = """
    SELECT 'extension', e.extname::text, e.extversion::text
    FROM pg_extension e WHERE e.extname <> 'plpgsql'
    """
}
