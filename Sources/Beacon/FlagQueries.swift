/// The statements of one release for one engine, written out so that a failing one can be shown as
/// it is.
struct FlagQueries: Sendable {
  /// Columns: version, dirty.
  let ledger: Query
  /// Columns: key, name, enabled, percent, revision. Parameter: the key.
  let flag: Query
  /// The same columns for every flag, by key.
  let flags: Query
  /// Run in order to create or change a flag. Parameters: key, name, enabled, percent.
  let upserts: [Query]
  /// Records the change of a flag; nil where the release keeps no audit. Parameter: the key.
  let audit: Query?
  /// Columns: rank, variant, segment's match, property, operator, value; by rank. Parameter: the
  /// flag.
  let rules: Query
  /// Columns: key, weight; by key. Parameter: the flag.
  let variants: Query
  /// Columns: flag, revision; newest first.
  let auditEntries: Query

  init(_ release: BeaconRelease, for dialect: Dialect) {
    let query = { Query($0, for: dialect) }
    let select = FlagQueries.selection(release.storage)
    ledger = query("SELECT version, dirty FROM schema_migrations LIMIT 1")
    flag = query(select + " WHERE f.key = ?1")
    flags = query(select + " ORDER BY f.key LIMIT 10000")
    upserts = FlagQueries.upserts(release.storage, dialect).map(query)
    audit =
      release.keepsAudit
      ? query(
        """
        INSERT INTO audit_entries (flag_key, revision) \
        SELECT f.key, f.revision FROM flags AS f WHERE f.key = ?1
        """) : nil
    rules = query(
      """
      SELECT r.rank, r.variant_key, s.match, c.property, c.operator, c.value \
      FROM rules AS r JOIN segments AS s ON s.key = r.segment_key \
      LEFT JOIN constraints AS c ON c.segment_key = s.key \
      WHERE r.flag_key = ?1 ORDER BY r.rank, c.position
      """)
    variants = query(
      "SELECT v.key, v.weight FROM variants AS v WHERE v.flag_key = ?1 ORDER BY v.key")
    auditEntries = query(
      "SELECT a.flag_key, a.revision FROM audit_entries AS a ORDER BY a.id DESC LIMIT 100")
  }

  private static func selection(_ storage: BeaconRelease.RolloutStorage) -> String {
    switch storage {
    case .column:
      "SELECT f.key, f.name, f.enabled, f.rollout_percent, f.revision FROM flags AS f"
    case .table:
      """
      SELECT f.key, f.name, f.enabled, r.percent, f.revision \
      FROM flags AS f JOIN rollouts AS r ON r.flag_key = f.key
      """
    }
  }

  private static func upserts(
    _ storage: BeaconRelease.RolloutStorage, _ dialect: Dialect
  ) -> [String] {
    switch storage {
    case .column:
      [
        upsert(
          "flags", key: "key", ["name": "?2", "enabled": "?3", "rollout_percent": "?4"],
          also: "revision = flags.revision + 1", dialect)
      ]
    case .table:
      [
        upsert(
          "flags", key: "key", ["name": "?2", "enabled": "?3"],
          also: "revision = flags.revision + 1", dialect),
        upsert("rollouts", key: "flag_key", ["percent": "?4"], dialect),
      ]
    }
  }

  /// Inserts a row of that key, which is parameter 1, or changes the columns of the one that is
  /// there.
  private static func upsert(
    _ table: String, key: String, _ columns: KeyValuePairs<String, String>,
    also change: String? = nil, _ dialect: Dialect
  ) -> String {
    let names = ([dialect.quoted(key)] + columns.map(\.key)).joined(separator: ", ")
    let values = (["?1"] + columns.map(\.value)).joined(separator: ", ")
    let conflict =
      dialect == .mysql
      ? "ON DUPLICATE KEY UPDATE" : "ON CONFLICT (\(dialect.quoted(key))) DO UPDATE SET"
    var changes = columns.map { column, _ in
      column + (dialect == .mysql ? " = VALUES(\(column))" : " = excluded.\(column)")
    }
    if let change { changes.append(change) }
    return "INSERT INTO \(table) (\(names)) VALUES (\(values)) \(conflict) "
      + changes.joined(separator: ", ")
  }
}
