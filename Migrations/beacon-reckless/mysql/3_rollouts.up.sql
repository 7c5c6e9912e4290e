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
