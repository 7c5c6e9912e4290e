extension EmbeddedMigrations {
  /// `Migrations/beacon/postgres`.
  static let honestOnPostgres = [
    EmbeddedMigration(
      name: "1_flags.up.sql",
      text: """
        -- windlass: expand
        CREATE TABLE flags (
          key text PRIMARY KEY,
          name text NOT NULL,
          enabled boolean NOT NULL DEFAULT false,
          rollout_percent integer NOT NULL DEFAULT 100
            CONSTRAINT flags_rollout_percent_range CHECK (rollout_percent BETWEEN 0 AND 100),
          revision bigint NOT NULL DEFAULT 1
        );

        CREATE TABLE variants (
          flag_key text NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
          key text NOT NULL,
          weight integer NOT NULL DEFAULT 1 CONSTRAINT variants_weight_range CHECK (weight >= 0),
          PRIMARY KEY (flag_key, key)
        );

        CREATE TABLE segments (
          key text PRIMARY KEY,
          name text NOT NULL,
          match text NOT NULL DEFAULT 'all' CONSTRAINT segments_match_known CHECK (match IN ('all', 'any'))
        );

        CREATE TABLE constraints (
          segment_key text NOT NULL REFERENCES segments (key) ON DELETE CASCADE,
          position integer NOT NULL,
          property text NOT NULL,
          operator text NOT NULL
            CONSTRAINT constraints_operator_known CHECK (operator IN ('equals', 'differs', 'prefix')),
          value text NOT NULL,
          PRIMARY KEY (segment_key, position)
        );

        CREATE TABLE rules (
          flag_key text NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
          rank integer NOT NULL,
          segment_key text NOT NULL REFERENCES segments (key),
          variant_key text NOT NULL,
          PRIMARY KEY (flag_key, rank),
          FOREIGN KEY (flag_key, variant_key) REFERENCES variants (flag_key, key)
        );

        CREATE INDEX rules_segment_key ON rules (segment_key);

        """),
    EmbeddedMigration(
      name: "2_examples.up.sql",
      text: """
        -- windlass: expand
        -- Something to look at, and to probe: a flag with two variants and a rule for one segment.
        INSERT INTO flags (key, name, enabled) VALUES
          ('welcome-banner', 'The banner on the first page', true),
          ('night-mode', 'Dark colours after sunset', false);

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
          flag_key text PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
          percent integer NOT NULL
            CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
        );

        -- Inserts as well for a flag that is changed: one from before this file may have no row yet.
        CREATE FUNCTION copy_flag_percent() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO rollouts AS r (flag_key, percent) VALUES (new.key, new.rollout_percent)
          ON CONFLICT (flag_key) DO UPDATE SET percent = excluded.percent
          WHERE r.percent <> excluded.percent;
          RETURN NULL;
        END
        $$;

        CREATE FUNCTION copy_rollout_percent() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE flags AS f SET rollout_percent = new.percent
          WHERE f.key = new.flag_key AND f.rollout_percent <> new.percent;
          RETURN NULL;
        END
        $$;

        CREATE TRIGGER flags_inserted AFTER INSERT ON flags
        FOR EACH ROW EXECUTE FUNCTION copy_flag_percent();

        CREATE TRIGGER flags_percent_updated AFTER UPDATE OF rollout_percent ON flags
        FOR EACH ROW WHEN (new.rollout_percent <> old.rollout_percent)
        EXECUTE FUNCTION copy_flag_percent();

        CREATE TRIGGER rollouts_updated AFTER UPDATE OF percent ON rollouts
        FOR EACH ROW WHEN (new.percent <> old.percent)
        EXECUTE FUNCTION copy_rollout_percent();

        """),
    EmbeddedMigration(
      name: "4_rollouts_copied.up.sql",
      text: """
        -- windlass: backfill table=flags key=key
        -- Flags from before migration 3; later ones have their row from the trigger, and so has one that
        -- is changed while this runs.
        INSERT INTO rollouts (flag_key, percent)
        SELECT f.key, f.rollout_percent FROM flags AS f
        WHERE /* windlass: range f.key */ TRUE
          AND NOT EXISTS (SELECT FROM rollouts AS r WHERE r.flag_key = f.key)
        ON CONFLICT (flag_key) DO NOTHING;

        """),
    EmbeddedMigration(
      name: "5_rollouts_alone.up.sql",
      text: """
        -- windlass: contract
        DROP TRIGGER flags_inserted ON flags;
        DROP TRIGGER flags_percent_updated ON flags;
        DROP TRIGGER rollouts_updated ON rollouts;
        DROP FUNCTION copy_flag_percent();
        DROP FUNCTION copy_rollout_percent();
        ALTER TABLE flags DROP COLUMN rollout_percent;

        """),
    EmbeddedMigration(
      name: "6_audit.up.sql",
      text: """
        -- windlass: expand
        CREATE TABLE audit_entries (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          flag_key text NOT NULL,
          revision bigint NOT NULL,
          recorded_at timestamptz NOT NULL DEFAULT now()
        );

        """),
  ]

  /// `Migrations/beacon-reckless/postgres` from file 3 on.
  static let recklessOnPostgres = [
    EmbeddedMigration(
      name: "3_rollouts.up.sql",
      text: """
        -- windlass: expand
        -- Release 1.1 keeps the share of a flag in a table of its own.
        CREATE TABLE rollouts (
          flag_key text PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
          percent integer NOT NULL
            CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
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
        SELECT f.key, 100 FROM flags AS f
        WHERE NOT EXISTS (SELECT FROM rollouts AS r WHERE r.flag_key = f.key)
        ON CONFLICT (flag_key) DO NOTHING;

        """),
  ]
}
