extension EmbeddedMigrations {
  /// `Migrations/beacon/sqlite`.
  static let honestOnSQLite = [
    EmbeddedMigration(
      name: "1_flags.up.sql",
      text: """
        -- windlass: expand
        CREATE TABLE flags (
          key TEXT NOT NULL PRIMARY KEY,
          name TEXT NOT NULL,
          enabled INTEGER NOT NULL DEFAULT 0 CHECK (enabled IN (0, 1)),
          rollout_percent INTEGER NOT NULL DEFAULT 100 CHECK (rollout_percent BETWEEN 0 AND 100),
          revision INTEGER NOT NULL DEFAULT 1
        );

        CREATE TABLE variants (
          flag_key TEXT NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
          key TEXT NOT NULL,
          weight INTEGER NOT NULL DEFAULT 1 CHECK (weight >= 0),
          PRIMARY KEY (flag_key, key)
        );

        CREATE TABLE segments (
          key TEXT NOT NULL PRIMARY KEY,
          name TEXT NOT NULL,
          match TEXT NOT NULL DEFAULT 'all' CHECK (match IN ('all', 'any'))
        );

        CREATE TABLE constraints (
          segment_key TEXT NOT NULL REFERENCES segments (key) ON DELETE CASCADE,
          position INTEGER NOT NULL,
          property TEXT NOT NULL,
          operator TEXT NOT NULL CHECK (operator IN ('equals', 'differs', 'prefix')),
          value TEXT NOT NULL,
          PRIMARY KEY (segment_key, position)
        );

        CREATE TABLE rules (
          flag_key TEXT NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
          rank INTEGER NOT NULL,
          segment_key TEXT NOT NULL REFERENCES segments (key),
          variant_key TEXT NOT NULL,
          PRIMARY KEY (flag_key, rank),
          FOREIGN KEY (flag_key, variant_key) REFERENCES variants (flag_key, key)
        );

        """),
    EmbeddedMigration(
      name: "2_examples.up.sql",
      text: """
        -- windlass: expand
        -- Something to look at, and to probe: a flag with two variants and a rule for one segment.
        INSERT INTO flags (key, name, enabled) VALUES
          ('welcome-banner', 'The banner on the first page', 1),
          ('night-mode', 'Dark colours after sunset', 0);

        INSERT INTO variants (flag_key, key, weight) VALUES
          ('welcome-banner', 'sunrise', 1),
          ('welcome-banner', 'harbour', 3);

        INSERT INTO segments (key, name, match) VALUES
          ('alpine', 'People in the Alps', 'any');

        INSERT INTO constraints (segment_key, position, property, operator, value) VALUES
          ('alpine', 1, 'country', 'equals', 'AT'),
          ('alpine', 2, 'country', 'equals', 'CH');

        INSERT INTO rules (flag_key, rank, segment_key, variant_key) VALUES
          ('welcome-banner', 1, 'alpine', 'sunrise');

        """),
    EmbeddedMigration(
      name: "3_rollouts.up.sql",
      text: """
        -- windlass: expand
        -- Release 1.1 keeps the share of a flag in a table of its own. Until the column goes, triggers
        -- carry what one release writes to where the other reads it.
        CREATE TABLE rollouts (
          flag_key TEXT NOT NULL PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
          percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100)
        );

        CREATE TRIGGER flags_inserted AFTER INSERT ON flags
        BEGIN
          INSERT INTO rollouts (flag_key, percent) VALUES (new.key, new.rollout_percent);
        END;

        CREATE TRIGGER flags_percent_updated AFTER UPDATE OF rollout_percent ON flags
        WHEN new.rollout_percent <> old.rollout_percent
        BEGIN
          UPDATE rollouts SET percent = new.rollout_percent WHERE flag_key = new.key;
        END;

        CREATE TRIGGER rollouts_updated AFTER UPDATE OF percent ON rollouts
        WHEN new.percent <> old.percent
        BEGIN
          UPDATE flags SET rollout_percent = new.percent WHERE key = new.flag_key;
        END;

        """),
    EmbeddedMigration(
      name: "4_rollouts_copied.up.sql",
      text: """
        -- windlass: backfill table=flags key=key
        -- Flags from before migration 3; later ones have their row from the trigger.
        INSERT INTO rollouts (flag_key, percent)
        SELECT key, rollout_percent FROM flags
        WHERE /* windlass: range */ TRUE AND key NOT IN (SELECT flag_key FROM rollouts);

        """),
    EmbeddedMigration(
      name: "5_rollouts_alone.up.sql",
      text: """
        -- windlass: contract
        DROP TRIGGER flags_inserted;
        DROP TRIGGER flags_percent_updated;
        DROP TRIGGER rollouts_updated;
        ALTER TABLE flags DROP COLUMN rollout_percent;

        """),
    EmbeddedMigration(
      name: "6_audit.up.sql",
      text: """
        -- windlass: expand
        CREATE TABLE audit_entries (
          id INTEGER PRIMARY KEY,
          flag_key TEXT NOT NULL,
          revision INTEGER NOT NULL,
          recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        );

        """),
  ]

  /// `Migrations/beacon-reckless/sqlite` from file 3 on.
  static let recklessOnSQLite = [
    EmbeddedMigration(
      name: "3_rollouts.up.sql",
      text: """
        -- windlass: expand
        -- Release 1.1 keeps the share of a flag in a table of its own.
        CREATE TABLE rollouts (
          flag_key TEXT NOT NULL PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
          percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100)
        );

        INSERT INTO rollouts (flag_key, percent) SELECT key, rollout_percent FROM flags;

        ALTER TABLE flags DROP COLUMN rollout_percent;

        """),
    EmbeddedMigration(
      name: "4_rollouts_copied.up.sql",
      text: """
        -- windlass: backfill
        -- Flags that have no share of their own are shown to all.
        INSERT INTO rollouts (flag_key, percent)
        SELECT key, 100 FROM flags
        WHERE key NOT IN (SELECT flag_key FROM rollouts);

        """),
  ]
}
