-- windlass: backfill table=flags key=key
-- Flags from before migration 3; later ones have their row from the trigger.
INSERT INTO rollouts (flag_key, percent)
SELECT key, rollout_percent FROM flags
WHERE /* windlass: range */ TRUE AND key NOT IN (SELECT flag_key FROM rollouts);
