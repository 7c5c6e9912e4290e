-- windlass: backfill
-- Flags that have no share of their own are shown to all.
INSERT INTO rollouts (flag_key, percent)
SELECT key, 100 FROM flags
WHERE key NOT IN (SELECT flag_key FROM rollouts);
