-- The platform's own organisation: made the first time, found afterwards.
-- scope: platform
-- in: id uuid
-- out: id uuid
WITH made AS (
	INSERT INTO usher.orgs (id, slug, display_name, is_system)
	VALUES ($1, 'usher-system', 'usher', true)
	ON CONFLICT DO NOTHING
	RETURNING id
)
SELECT id FROM made
UNION ALL
SELECT id FROM usher.orgs WHERE is_system
LIMIT 1
