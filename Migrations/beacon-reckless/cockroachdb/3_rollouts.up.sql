-- windlass: expand
-- Release 1.1 keeps the share of a flag in a table of its own.
CREATE TABLE rollouts (
  flag_key text PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
  percent integer NOT NULL
    CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
);

INSERT INTO rollouts (flag_key, percent) SELECT key, rollout_percent FROM flags;

ALTER TABLE flags DROP COLUMN rollout_percent;
