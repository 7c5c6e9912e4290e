-- windlass: backfill
-- Flags that have no share of their own are shown to all.
INSERT INTO rollouts (flag_key, percent)
SELECT f.key, 100 FROM flags AS f
WHERE NOT EXISTS (SELECT 1 FROM rollouts AS r WHERE r.flag_key = f.key)
ON CONFLICT (flag_key) DO NOTHING;
