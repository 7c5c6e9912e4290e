/// The statements of one release, written out so that a failing one can be shown as it is.
struct FlagQueries: Sendable {
  /// Columns: key, name, enabled, percent, revision. Parameter: the key.
  let flag: String
  /// The same columns for every flag, by key.
  let flags: String
  /// Run in order to create or change a flag. Parameters: key, name, enabled, percent.
  let upserts: [String]
  /// Records the change of a flag; nil where the release keeps no audit. Parameter: the key.
  let audit: String?

  /// Columns: variant, segment's match, property, operator, value; by rank. Parameter: the flag.
  let rules = """
    SELECT r.rank, r.variant_key, s.match, c.property, c.operator, c.value \
    FROM rules AS r JOIN segments AS s ON s.key = r.segment_key \
    LEFT JOIN constraints AS c ON c.segment_key = s.key \
    WHERE r.flag_key = ?1 ORDER BY r.rank, c.position
    """
  /// Columns: key, weight; by key. Parameter: the flag.
  let variants = "SELECT v.key, v.weight FROM variants AS v WHERE v.flag_key = ?1 ORDER BY v.key"
  /// Columns: flag, revision; newest first.
  let auditEntries =
    "SELECT a.flag_key, a.revision FROM audit_entries AS a ORDER BY a.id DESC LIMIT 100"

  init(_ release: BeaconRelease) {
    switch release.storage {
    case .column:
      let select = "SELECT f.key, f.name, f.enabled, f.rollout_percent, f.revision FROM flags AS f"
      flag = select + " WHERE f.key = ?1"
      flags = select + " ORDER BY f.key LIMIT 10000"
      upserts = [
        """
        INSERT INTO flags (key, name, enabled, rollout_percent) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (key) DO UPDATE SET name = excluded.name, enabled = excluded.enabled, \
        rollout_percent = excluded.rollout_percent, revision = revision + 1
        """
      ]
    case .table:
      let select = """
        SELECT f.key, f.name, f.enabled, r.percent, f.revision \
        FROM flags AS f JOIN rollouts AS r ON r.flag_key = f.key
        """
      flag = select + " WHERE f.key = ?1"
      flags = select + " ORDER BY f.key LIMIT 10000"
      upserts = [
        """
        INSERT INTO flags (key, name, enabled) VALUES (?1, ?2, ?3) \
        ON CONFLICT (key) DO UPDATE SET name = excluded.name, enabled = excluded.enabled, \
        revision = revision + 1
        """,
        """
        INSERT INTO rollouts (flag_key, percent) VALUES (?1, ?4) \
        ON CONFLICT (flag_key) DO UPDATE SET percent = excluded.percent
        """,
      ]
    }
    audit =
      release.keepsAudit
      ? """
      INSERT INTO audit_entries (flag_key, revision) \
      SELECT f.key, f.revision FROM flags AS f WHERE f.key = ?1
      """ : nil
  }
}
