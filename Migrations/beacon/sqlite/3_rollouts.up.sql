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
