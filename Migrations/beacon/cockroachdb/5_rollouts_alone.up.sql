-- windlass: contract
DROP TRIGGER flags_inserted ON flags;
DROP TRIGGER flags_percent_updated ON flags;
DROP TRIGGER rollouts_updated ON rollouts;
DROP FUNCTION copy_flag_percent();
DROP FUNCTION copy_rollout_percent();
ALTER TABLE flags DROP COLUMN rollout_percent;
