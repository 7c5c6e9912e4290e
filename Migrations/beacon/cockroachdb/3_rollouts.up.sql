-- windlass: expand
-- Release 1.1 keeps the share of a flag in a table of its own. Until the column goes, triggers
-- carry what one release writes to where the other reads it. They need CockroachDB 24.3.
CREATE TABLE rollouts (
  flag_key text PRIMARY KEY REFERENCES flags (key) ON DELETE CASCADE,
  percent integer NOT NULL
    CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
);

-- Inserts as well for a flag that is changed: one from before this file may have no row yet.
CREATE FUNCTION copy_flag_percent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rollouts AS r (flag_key, percent) VALUES ((new).key, (new).rollout_percent)
  ON CONFLICT (flag_key) DO UPDATE SET percent = excluded.percent
  WHERE r.percent <> excluded.percent;
  RETURN NULL;
END
$$;

CREATE FUNCTION copy_rollout_percent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE flags AS f SET rollout_percent = (new).percent
  WHERE f.key = (new).flag_key AND f.rollout_percent <> (new).percent;
  RETURN NULL;
END
$$;

CREATE TRIGGER flags_inserted AFTER INSERT ON flags
FOR EACH ROW EXECUTE FUNCTION copy_flag_percent();

CREATE TRIGGER flags_percent_updated AFTER UPDATE ON flags
FOR EACH ROW WHEN ((new).rollout_percent <> (old).rollout_percent)
EXECUTE FUNCTION copy_flag_percent();

CREATE TRIGGER rollouts_updated AFTER UPDATE ON rollouts
FOR EACH ROW WHEN ((new).percent <> (old).percent)
EXECUTE FUNCTION copy_rollout_percent();
