-- A page of the organisation's chatbots, oldest first, behind a time and an id.
-- scope: org
-- in: org_id uuid, after_time timestamptz, after_id uuid, rows_max int8
-- out: id uuid, org_id uuid, alias text?, display_name text, instructions text, disabled bool,
--      version int8, created_at timestamptz, updated_at timestamptz
SELECT c.id, c.org_id, c.alias, c.display_name, c.instructions, c.disabled_at IS NOT NULL,
	c.version, c.created_at, c.updated_at
FROM usher.chatbots c
WHERE c.org_id = $1 AND (c.created_at, c.id) > ($2, $3)
ORDER BY c.created_at, c.id
LIMIT $4
