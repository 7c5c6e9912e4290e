-- windlass: backfill
-- Flags from before migration 3; later ones have their row from the trigger.
INSERT INTO rollouts (flag_key, percent)
SELECT key, rollout_percent FROM flags
WHERE key NOT IN (SELECT flag_key FROM rollouts);
