/// Queries for the definitions of everything that a backup must restore, each row one text.
///
/// Owners and privileges stand outside: a scratch copy belongs to the user that restores it.
enum DefinitionQueries {
  /// Each with the search path empty, so that every name in a definition comes with its schema.
  static let all = [
    schemas, relations, columns, constraints, indexes, views, functions, triggers, policies, types,
    sequences, heritage, rules, extensions,
  ]

  /// Objects of the server, of extensions, and those of Windlass that no backup holds, stand
  /// outside.
  private static func isOwn(_ schema: String) -> String {
    "\(schema) !~ '^pg_' AND \(schema) <> 'information_schema'"
  }

  private static func isFree(_ object: String, _ catalogue: String) -> String {
    """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '\(catalogue)'::regclass \
    AND e.objid = \(object) AND e.deptype = 'e')
    """
  }

  private static let relation = """
    JOIN pg_class c ON c.oid = x.relation JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relpersistence <> 't' AND \(isOwn("n.nspname")) AND \(isFree("c.oid", "pg_class")) \
    AND NOT c.relname = ANY ($1::text[])
    """

  /// An expression as the server prints it, without casts and parentheses: where a comparison needs
  /// a cast the server prints it in another place once it was restored.
  private static func plain(_ expression: String) -> String {
    #"""
    translate(regexp_replace(\#(expression), \#
    '::("[^"]*"|[a-z_][a-z0-9_ ]*)(\."?[A-Za-z0-9_]+"?)?(\([0-9, ]*\))?(\[\])*', '', 'g'), \#
    E'() \n\t', '')
    """#
  }

  private static let schemas = """
    SELECT format('schema %I', n.nspname) FROM pg_namespace n \
    WHERE \(isOwn("n.nspname")) AND \(isFree("n.oid", "pg_namespace")) \
    AND n.nspname <> 'public' AND NOT n.nspname = ANY ($1::text[])
    """

  private static let relations = """
    SELECT format('relation %I.%I %s %s %s %s %s %s %s', n.nspname, c.relname, c.relkind, \
    c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, \
    (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o), \
    pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)) \
    FROM (SELECT oid AS relation FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f', 'c')) x \
    \(relation)
    """

  private static let columns = """
    SELECT format('column %I.%I %s %I %s %s %s %s %s %s', n.nspname, c.relname, \
    row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, \
    format_type(a.atttypid, a.atttypmod), a.attnotnull, \
    \(plain("coalesce(pg_get_expr(d.adbin, d.adrelid), '-')")), a.attidentity, a.attgenerated, \
    (SELECT collname FROM pg_collation WHERE oid = a.attcollation)) \
    FROM (SELECT attrelid AS relation, * FROM pg_attribute \
    WHERE attnum > 0 AND NOT attisdropped) a \
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    JOIN (SELECT oid AS relation FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f', 'c')) x \
    ON x.relation = a.relation \(relation)
    """

  private static let constraints = """
    SELECT format('constraint %I on %s: %s %s', x.conname, \
    CASE WHEN x.contypid <> 0 THEN format_type(x.contypid, NULL) \
    ELSE x.conrelid::regclass::text END, \
    x.convalidated, \(plain("pg_get_constraintdef(x.oid)"))) \
    FROM pg_constraint x JOIN pg_namespace n ON n.oid = x.connamespace \
    LEFT JOIN pg_class c ON c.oid = x.conrelid \
    WHERE \(isOwn("n.nspname")) AND \(isFree("x.conrelid", "pg_class")) \
    AND \(isFree("x.contypid", "pg_type")) \
    AND coalesce(c.relpersistence, 'p') <> 't' AND x.contype NOT IN ('t', 'n') \
    AND NOT coalesce(c.relname, '') = ANY ($1::text[])
    """

  private static let indexes = """
    SELECT format('index %s %s', x.indisunique, \(plain("pg_get_indexdef(x.indexrelid)"))) \
    FROM (SELECT indrelid AS relation, indexrelid, indisunique FROM pg_index) x \(relation)
    """

  private static let views = """
    SELECT format('view %I.%I %s', n.nspname, c.relname, \(plain("pg_get_viewdef(c.oid)"))) \
    FROM (SELECT oid AS relation FROM pg_class WHERE relkind IN ('v', 'm')) x \(relation)
    """

  private static let functions = """
    SELECT format('function %s', CASE p.prokind WHEN 'a' THEN p.oid::regprocedure::text \
    ELSE pg_get_functiondef(p.oid) END) \
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
    WHERE \(isOwn("n.nspname")) AND \(isFree("p.oid", "pg_proc")) \
    AND NOT p.proname = ANY ($1::text[])
    """

  private static let triggers = """
    SELECT format('trigger %s %s', x.tgenabled, \(plain("pg_get_triggerdef(x.oid)"))) \
    FROM (SELECT tgrelid AS relation, oid, tgenabled FROM pg_trigger \
    WHERE NOT tgisinternal) x \(relation)
    """

  private static let policies = """
    SELECT format('policy %I on %I.%I %s %s %s %s', x.polname, n.nspname, c.relname, x.polcmd, \
    x.polpermissive, \(plain("coalesce(pg_get_expr(x.polqual, x.relation), '-')")), \
    \(plain("coalesce(pg_get_expr(x.polwithcheck, x.relation), '-')"))) \
    FROM (SELECT polrelid AS relation, * FROM pg_policy) x \(relation)
    """

  private static let types = """
    SELECT format('type %s %s %s %s %s %s', format_type(t.oid, NULL), t.typtype, t.typnotnull, \
    format_type(t.typbasetype, t.typtypmod), coalesce(t.typdefault, '-'), \
    (SELECT string_agg(quote_literal(l.enumlabel), ',' ORDER BY l.enumsortorder) \
    FROM pg_enum l WHERE l.enumtypid = t.oid)) \
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
    WHERE t.typtype IN ('d', 'e', 'r') AND \(isOwn("n.nspname")) AND \(isFree("t.oid", "pg_type")) \
    AND NOT t.typname = ANY ($1::text[])
    """

  private static let sequences = """
    SELECT format('sequence %I.%I %s %s %s %s %s %s %s', n.nspname, c.relname, \
    format_type(x.seqtypid, NULL), x.seqstart, x.seqincrement, x.seqmin, x.seqmax, x.seqcache, \
    x.seqcycle) \
    FROM (SELECT seqrelid AS relation, * FROM pg_sequence) x \(relation)
    """

  private static let heritage = """
    SELECT format('child %I.%I of %s, %s', n.nspname, c.relname, x.inhparent::regclass, \
    x.inhseqno) \
    FROM (SELECT inhrelid AS relation, inhparent, inhseqno FROM pg_inherits) x \(relation)
    """

  private static let rules = """
    SELECT format('rule %s', \(plain("pg_get_ruledef(x.oid)"))) \
    FROM (SELECT ev_class AS relation, oid FROM pg_rewrite WHERE rulename <> '_RETURN') x \
    \(relation)
    """

  private static let extensions = """
    SELECT format('extension %I', x.extname) FROM pg_extension x \
    WHERE NOT x.extname = ANY ($1::text[])
    """
}
