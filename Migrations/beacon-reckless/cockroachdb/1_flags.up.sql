-- windlass: expand
CREATE TABLE flags (
  key text PRIMARY KEY,
  name text NOT NULL,
  enabled boolean NOT NULL DEFAULT false,
  rollout_percent integer NOT NULL DEFAULT 100
    CONSTRAINT flags_rollout_percent_range CHECK (rollout_percent BETWEEN 0 AND 100),
  revision bigint NOT NULL DEFAULT 1
);

CREATE TABLE variants (
  flag_key text NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
  key text NOT NULL,
  weight integer NOT NULL DEFAULT 1 CONSTRAINT variants_weight_range CHECK (weight >= 0),
  PRIMARY KEY (flag_key, key)
);

CREATE TABLE segments (
  key text PRIMARY KEY,
  name text NOT NULL,
  match text NOT NULL DEFAULT 'all' CONSTRAINT segments_match_known CHECK (match IN ('all', 'any'))
);

CREATE TABLE constraints (
  segment_key text NOT NULL REFERENCES segments (key) ON DELETE CASCADE,
  position integer NOT NULL,
  property text NOT NULL,
  operator text NOT NULL
    CONSTRAINT constraints_operator_known CHECK (operator IN ('equals', 'differs', 'prefix')),
  value text NOT NULL,
  PRIMARY KEY (segment_key, position)
);

CREATE TABLE rules (
  flag_key text NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
  rank integer NOT NULL,
  segment_key text NOT NULL REFERENCES segments (key),
  variant_key text NOT NULL,
  PRIMARY KEY (flag_key, rank),
  FOREIGN KEY (flag_key, variant_key) REFERENCES variants (flag_key, key)
);

CREATE INDEX rules_segment_key ON rules (segment_key);
