-- windlass: contract
DROP TRIGGER flags_inserted;
DROP TRIGGER flags_percent_updated;
DROP TRIGGER rollouts_updated;
ALTER TABLE flags DROP COLUMN rollout_percent;
