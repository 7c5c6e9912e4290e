-- windlass: backfill table=flags key=key
-- Flags from before migration 3; later ones have their row from the trigger. The rows that are
-- copied stay locked until the end, so that none is changed in between.
INSERT INTO rollouts (flag_key, percent)
SELECT f.`key`, f.rollout_percent FROM flags AS f
WHERE /* windlass: range f.key */ TRUE
  AND NOT EXISTS (SELECT 1 FROM rollouts AS r WHERE r.flag_key = f.`key`)
LOCK IN SHARE MODE;
