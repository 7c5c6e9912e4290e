-- windlass: expand
-- Something to look at, and to probe: a flag with two variants and a rule for one segment.
INSERT INTO flags (key, name, enabled) VALUES
  ('welcome-banner', 'The banner on the first page', true),
  ('night-mode', 'Dark colours after sunset', false);

INSERT INTO variants (flag_key, key, weight) VALUES
  ('welcome-banner', 'sunrise', 1),
  ('welcome-banner', 'harbour', 3);

INSERT INTO segments (key, name, match) VALUES
  ('alpine', 'People in the Alps', 'any');

INSERT INTO constraints (segment_key, position, property, operator, value) VALUES
  ('alpine', 1, 'country', 'equals', 'AT'),
  ('alpine', 2, 'country', 'equals', 'CH');

INSERT INTO rules (flag_key, rank, segment_key, variant_key) VALUES
  ('welcome-banner', 1, 'alpine', 'sunrise');
