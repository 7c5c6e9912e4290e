-- windlass: expand
-- Release 1.1 keeps the share of a flag in a table of its own. Until the column goes, triggers
-- carry what one release writes to where the other reads it. No trigger may write the table whose
-- change it answers, so the first of the two to act tells the other one to keep still.
CREATE TABLE rollouts (
  flag_key VARCHAR(128) NOT NULL,
  percent INT NOT NULL,
  PRIMARY KEY (flag_key),
  CONSTRAINT rollouts_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
  CONSTRAINT rollouts_percent_range CHECK (percent BETWEEN 0 AND 100)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TRIGGER flags_inserted AFTER INSERT ON flags
FOR EACH ROW
BEGIN
  INSERT INTO rollouts (flag_key, percent) VALUES (NEW.`key`, NEW.rollout_percent);
END;

CREATE TRIGGER flags_percent_updated AFTER UPDATE ON flags
FOR EACH ROW
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET @beacon_copies = NULL;
    RESIGNAL;
  END;
  IF NEW.rollout_percent <> OLD.rollout_percent AND @beacon_copies IS NULL THEN
    SET @beacon_copies = 1;
    INSERT INTO rollouts (flag_key, percent) VALUES (NEW.`key`, NEW.rollout_percent)
    ON DUPLICATE KEY UPDATE percent = NEW.rollout_percent;
    SET @beacon_copies = NULL;
  END IF;
END;

CREATE TRIGGER rollouts_updated AFTER UPDATE ON rollouts
FOR EACH ROW
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    SET @beacon_copies = NULL;
    RESIGNAL;
  END;
  IF NEW.percent <> OLD.percent AND @beacon_copies IS NULL THEN
    SET @beacon_copies = 1;
    UPDATE flags SET rollout_percent = NEW.percent WHERE `key` = NEW.flag_key;
    SET @beacon_copies = NULL;
  END IF;
END;
