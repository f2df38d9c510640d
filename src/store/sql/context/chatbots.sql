-- A page of the organisation's chatbots, oldest first, behind a time and an id: so many, and of so many
-- bytes together, but one at least; is_more tells whether others follow it.
-- scope: org
-- in: org_id uuid, after_time timestamptz, after_id uuid, rows_max int8, bytes_max int8
-- out: id uuid, org_id uuid, alias text?, display_name text, instructions text, disabled bool,
--      version int8, created_at timestamptz, updated_at timestamptz, is_more bool
SELECT p.id, p.org_id, p.alias, p.display_name, p.instructions, p.disabled, p.version, p.created_at,
	p.updated_at, p.is_more
FROM (
	SELECT c.id, c.org_id, c.alias, c.display_name, c.instructions,
		c.disabled_at IS NOT NULL AS disabled, c.version, c.created_at, c.updated_at,
		lead(c.id) OVER ahead IS NOT NULL AS is_more,
		row_number() OVER ahead AS place,
		sum(octet_length(c.instructions)) OVER ahead AS bytes
	FROM usher.chatbots c
	WHERE c.org_id = $1 AND (c.created_at, c.id) > ($2, $3)
	WINDOW ahead AS (ORDER BY c.created_at, c.id ROWS UNBOUNDED PRECEDING)
	ORDER BY c.created_at, c.id
	LIMIT $4
) p
WHERE p.place = 1 OR p.bytes <= $5
ORDER BY p.created_at, p.id
