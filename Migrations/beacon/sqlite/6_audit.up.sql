-- windlass: expand
CREATE TABLE audit_entries (
  id INTEGER PRIMARY KEY,
  flag_key TEXT NOT NULL,
  revision INTEGER NOT NULL,
  recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
