-- Make a chatbot. No row: there is one of that id.
-- scope: org
-- in: org_id uuid, id uuid, alias text?, display_name text, instructions text
-- out: id uuid, org_id uuid, alias text?, display_name text, instructions text, disabled bool,
--      version int8, created_at timestamptz, updated_at timestamptz
INSERT INTO usher.chatbots AS c (org_id, id, alias, display_name, instructions)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (org_id, id) DO NOTHING
RETURNING c.id, c.org_id, c.alias, c.display_name, c.instructions, c.disabled_at IS NOT NULL,
	c.version, c.created_at, c.updated_at
