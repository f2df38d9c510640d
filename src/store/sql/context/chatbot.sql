-- One chatbot, by id or alias.
-- scope: org
-- in: org_id uuid, id uuid?, alias text?
-- out: id uuid, org_id uuid, alias text?, display_name text, instructions text, disabled bool,
--      version int8, created_at timestamptz, updated_at timestamptz
SELECT c.id, c.org_id, c.alias, c.display_name, c.instructions, c.disabled_at IS NOT NULL,
	c.version, c.created_at, c.updated_at
FROM usher.chatbots c
WHERE c.org_id = $1 AND (c.id = $2 OR c.alias = $3)
