-- A page of a conversation's turns, newest first, before a sequence number: so many, and of so many
-- bytes together, but one at least; is_more tells whether others follow it. A turn whose attributes
-- are three times as many bytes is given without them, for no reply would hold it: nodes once took
-- objects whose numbers grow so when jsonb writes them out.
-- scope: org
-- in: org_id uuid, conversation_id uuid, before_seq int8, rows_max int8, bytes_max int8
-- out: seq int8, role int4, body text, attributes jsonb?, tokens int4, created_at timestamptz, is_more bool
SELECT p.seq, p.role, p.body,
	CASE WHEN octet_length(p.attributes::text) <= 3 * $5 THEN p.attributes END,
	p.tokens, p.created_at, p.is_more
FROM (
	SELECT t.seq, t.role::int4 AS role, t.body, t.attributes, t.tokens, t.created_at,
		lead(t.seq) OVER back IS NOT NULL AS is_more,
		row_number() OVER back AS place,
		sum(octet_length(t.body) + coalesce(octet_length(t.attributes::text), 0)) OVER back AS bytes
	FROM usher.turns t
	WHERE t.org_id = $1 AND t.conversation_id = $2 AND t.seq < $3
	WINDOW back AS (ORDER BY t.seq DESC ROWS UNBOUNDED PRECEDING)
	ORDER BY t.seq DESC
	LIMIT $4
) p
WHERE p.place = 1 OR p.bytes <= $5
ORDER BY p.seq DESC
