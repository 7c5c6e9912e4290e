-- windlass: expand
-- Release 1.1 keeps the share of a flag in a table of its own.
CREATE TABLE rollouts (
  flag_key TEXT NOT NULL PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
  percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100)
);

INSERT INTO rollouts (flag_key, percent) SELECT key, rollout_percent FROM flags;

ALTER TABLE flags DROP COLUMN rollout_percent;
