-- windlass: expand
CREATE TABLE audit_entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flag_key text NOT NULL,
  revision bigint NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now()
);
