-- windlass: expand
CREATE TABLE flags (
  key TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 0 CHECK (enabled IN (0, 1)),
  rollout_percent INTEGER NOT NULL DEFAULT 100 CHECK (rollout_percent BETWEEN 0 AND 100),
  revision INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE variants (
  flag_key TEXT NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
  key TEXT NOT NULL,
  weight INTEGER NOT NULL DEFAULT 1 CHECK (weight >= 0),
  PRIMARY KEY (flag_key, key)
);

CREATE TABLE segments (
  key TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  match TEXT NOT NULL DEFAULT 'all' CHECK (match IN ('all', 'any'))
);

CREATE TABLE constraints (
  segment_key TEXT NOT NULL REFERENCES segments (key) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  property TEXT NOT NULL,
  operator TEXT NOT NULL CHECK (operator IN ('equals', 'differs', 'prefix')),
  value TEXT NOT NULL,
  PRIMARY KEY (segment_key, position)
);

CREATE TABLE rules (
  flag_key TEXT NOT NULL REFERENCES flags (key) ON DELETE CASCADE,
  rank INTEGER NOT NULL,
  segment_key TEXT NOT NULL REFERENCES segments (key),
  variant_key TEXT NOT NULL,
  PRIMARY KEY (flag_key, rank),
  FOREIGN KEY (flag_key, variant_key) REFERENCES variants (flag_key, key)
);
