extension EmbeddedMigrations {
  /// `Migrations/beacon/mysql`.
  static let honestOnMySQL = [
    EmbeddedMigration(
      name: "1_flags.up.sql",
      text: """
        -- windlass: expand
        -- Keys are compared byte by byte, as the service itself compares them.
        CREATE TABLE flags (
          `key` VARCHAR(128) NOT NULL,
          name VARCHAR(1000) NOT NULL,
          enabled BOOLEAN NOT NULL DEFAULT FALSE,
          rollout_percent INT NOT NULL DEFAULT 100 CHECK (rollout_percent BETWEEN 0 AND 100),
          revision BIGINT NOT NULL DEFAULT 1,
          PRIMARY KEY (`key`)
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        CREATE TABLE variants (
          flag_key VARCHAR(128) NOT NULL,
          `key` VARCHAR(128) NOT NULL,
          weight INT NOT NULL DEFAULT 1,
          PRIMARY KEY (flag_key, `key`),
          CONSTRAINT variants_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
          CONSTRAINT variants_weight_range CHECK (weight >= 0)
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        CREATE TABLE segments (
          `key` VARCHAR(128) NOT NULL,
          name VARCHAR(1000) NOT NULL,
          `match` VARCHAR(8) NOT NULL DEFAULT 'all',
          PRIMARY KEY (`key`),
          CONSTRAINT segments_match_known CHECK (`match` IN ('all', 'any'))
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        CREATE TABLE constraints (
          segment_key VARCHAR(128) NOT NULL,
          position INT NOT NULL,
          property VARCHAR(128) NOT NULL,
          operator VARCHAR(16) NOT NULL,
          value VARCHAR(1000) NOT NULL,
          PRIMARY KEY (segment_key, position),
          CONSTRAINT constraints_segment FOREIGN KEY (segment_key) REFERENCES segments (`key`)
            ON DELETE CASCADE,
          CONSTRAINT constraints_operator_known CHECK (operator IN ('equals', 'differs', 'prefix'))
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        CREATE TABLE rules (
          flag_key VARCHAR(128) NOT NULL,
          `rank` INT NOT NULL,
          segment_key VARCHAR(128) NOT NULL,
          variant_key VARCHAR(128) NOT NULL,
          PRIMARY KEY (flag_key, `rank`),
          CONSTRAINT rules_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
          CONSTRAINT rules_segment FOREIGN KEY (segment_key) REFERENCES segments (`key`),
          CONSTRAINT rules_variant FOREIGN KEY (flag_key, variant_key) REFERENCES variants (flag_key, `key`)
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        """),
    EmbeddedMigration(
      name: "2_examples.up.sql",
      text: """
        -- windlass: expand
        -- Something to look at, and to probe: a flag with two variants and a rule for one segment.
        INSERT INTO flags (`key`, name, enabled) VALUES
          ('welcome-banner', 'The banner on the first page', TRUE),
          ('night-mode', 'Dark colours after sunset', FALSE);

        INSERT INTO variants (flag_key, `key`, weight) VALUES
          ('welcome-banner', 'sunrise', 1),
          ('welcome-banner', 'harbour', 3);

        INSERT INTO segments (`key`, name, `match`) VALUES
          ('alpine', 'People in the Alps', 'any');

        INSERT INTO constraints (segment_key, position, property, operator, value) VALUES
          ('alpine', 1, 'country', 'equals', 'AT'),
          ('alpine', 2, 'country', 'equals', 'CH');

        INSERT INTO rules (flag_key, `rank`, segment_key, variant_key) VALUES
          ('welcome-banner', 1, 'alpine', 'sunrise');

        """),
    EmbeddedMigration(
      name: "3_rollouts.up.sql",
      text: """
        -- windlass: expand
        -- Release 1.1 keeps the share of a flag in a table of its own. Until the column goes, triggers
        -- carry what one release writes to where the other reads it. No trigger may write the table whose
        -- change it answers, so the first of the two to act tells the other one to keep still.
        CREATE TABLE rollouts (
          flag_key VARCHAR(128) NOT NULL,
          percent INT NOT NULL,
          PRIMARY KEY (flag_key),
          CONSTRAINT rollouts_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
          CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        CREATE TRIGGER flags_inserted AFTER INSERT ON flags
        FOR EACH ROW
        BEGIN
          INSERT INTO rollouts (flag_key, percent) VALUES (NEW.`key`, NEW.rollout_percent);
        END;

        CREATE TRIGGER flags_percent_updated AFTER UPDATE ON flags
        FOR EACH ROW
        BEGIN
          DECLARE EXIT HANDLER FOR SQLEXCEPTION
          BEGIN
            SET @beacon_copies = NULL;
            RESIGNAL;
          END;
          IF NEW.rollout_percent <> OLD.rollout_percent AND @beacon_copies IS NULL THEN
            SET @beacon_copies = 1;
            INSERT INTO rollouts (flag_key, percent) VALUES (NEW.`key`, NEW.rollout_percent)
            ON DUPLICATE KEY UPDATE percent = NEW.rollout_percent;
            SET @beacon_copies = NULL;
          END IF;
        END;

        CREATE TRIGGER rollouts_updated AFTER UPDATE ON rollouts
        FOR EACH ROW
        BEGIN
          DECLARE EXIT HANDLER FOR SQLEXCEPTION
          BEGIN
            SET @beacon_copies = NULL;
            RESIGNAL;
          END;
          IF NEW.percent <> OLD.percent AND @beacon_copies IS NULL THEN
            SET @beacon_copies = 1;
            UPDATE flags SET rollout_percent = NEW.percent WHERE `key` = NEW.flag_key;
            SET @beacon_copies = NULL;
          END IF;
        END;

        """),
    EmbeddedMigration(
      name: "4_rollouts_copied.up.sql",
      text: """
        -- windlass: backfill table=flags key=key
        -- Flags from before migration 3; later ones have their row from the trigger. The rows that are
        -- copied stay locked until the end, so that none is changed in between.
        INSERT INTO rollouts (flag_key, percent)
        SELECT f.`key`, f.rollout_percent FROM flags AS f
        WHERE /* windlass: range f.key */ TRUE
          AND NOT EXISTS (SELECT 1 FROM rollouts AS r WHERE r.flag_key = f.`key`)
        LOCK IN SHARE MODE;

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
          id BIGINT NOT NULL AUTO_INCREMENT,
          flag_key VARCHAR(128) NOT NULL,
          revision BIGINT NOT NULL,
          recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
          PRIMARY KEY (id)
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        """),
  ]

  /// `Migrations/beacon-reckless/mysql` from file 3 on.
  static let recklessOnMySQL = [
    EmbeddedMigration(
      name: "3_rollouts.up.sql",
      text: """
        -- windlass: expand
        -- Release 1.1 keeps the share of a flag in a table of its own.
        CREATE TABLE rollouts (
          flag_key VARCHAR(128) NOT NULL,
          percent INT NOT NULL,
          PRIMARY KEY (flag_key),
          CONSTRAINT rollouts_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
          CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
        ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

        INSERT INTO rollouts (flag_key, percent) SELECT `key`, rollout_percent FROM flags;

        ALTER TABLE flags DROP COLUMN rollout_percent;

        """),
    EmbeddedMigration(
      name: "4_rollouts_copied.up.sql",
      text: """
        -- windlass: backfill
        -- Flags that have no share of their own are shown to all.
        INSERT INTO rollouts (flag_key, percent)
        SELECT f.`key`, 100 FROM flags AS f
        WHERE NOT EXISTS (SELECT 1 FROM rollouts AS r WHERE r.flag_key = f.`key`)
        LOCK IN SHARE MODE;

        """),
  ]
}
