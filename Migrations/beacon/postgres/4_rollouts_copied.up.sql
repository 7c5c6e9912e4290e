-- windlass: backfill table=flags key=key
-- Flags from before migration 3; later ones have their row from the trigger, and so has one that
-- is changed while this runs.
INSERT INTO rollouts (flag_key, percent)
SELECT f.key, f.rollout_percent FROM flags AS f
WHERE /* windlass: range f.key */ TRUE
  AND NOT EXISTS (SELECT FROM rollouts AS r WHERE r.flag_key = f.key)
ON CONFLICT (flag_key) DO NOTHING;
