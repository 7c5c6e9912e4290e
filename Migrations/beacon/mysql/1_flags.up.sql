-- windlass: expand
-- Keys are compared byte by byte, as the service itself compares them.
CREATE TABLE flags (
  `key` VARCHAR(128) NOT NULL,
  name VARCHAR(1000) NOT NULL,
  enabled BOOLEAN NOT NULL DEFAULT FALSE,
  rollout_percent INT NOT NULL DEFAULT 100 CHECK (rollout_percent BETWEEN 0 AND 100),
  revision BIGINT NOT NULL DEFAULT 1,
  PRIMARY KEY (`key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE variants (
  flag_key VARCHAR(128) NOT NULL,
  `key` VARCHAR(128) NOT NULL,
  weight INT NOT NULL DEFAULT 1,
  PRIMARY KEY (flag_key, `key`),
  CONSTRAINT variants_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
  CONSTRAINT variants_weight_range CHECK (weight >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE segments (
  `key` VARCHAR(128) NOT NULL,
  name VARCHAR(1000) NOT NULL,
  `match` VARCHAR(8) NOT NULL DEFAULT 'all',
  PRIMARY KEY (`key`),
  CONSTRAINT segments_match_known CHECK (`match` IN ('all', 'any'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE constraints (
  segment_key VARCHAR(128) NOT NULL,
  position INT NOT NULL,
  property VARCHAR(128) NOT NULL,
  operator VARCHAR(16) NOT NULL,
  value VARCHAR(1000) NOT NULL,
  PRIMARY KEY (segment_key, position),
  CONSTRAINT constraints_segment FOREIGN KEY (segment_key) REFERENCES segments (`key`)
    ON DELETE CASCADE,
  CONSTRAINT constraints_operator_known CHECK (operator IN ('equals', 'differs', 'prefix'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE rules (
  flag_key VARCHAR(128) NOT NULL,
  `rank` INT NOT NULL,
  segment_key VARCHAR(128) NOT NULL,
  variant_key VARCHAR(128) NOT NULL,
  PRIMARY KEY (flag_key, `rank`),
  CONSTRAINT rules_flag FOREIGN KEY (flag_key) REFERENCES flags (`key`) ON DELETE CASCADE,
  CONSTRAINT rules_segment FOREIGN KEY (segment_key) REFERENCES segments (`key`),
  CONSTRAINT rules_variant FOREIGN KEY (flag_key, variant_key) REFERENCES variants (flag_key, `key`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
