-- A page of a conversation's turns, newest first, before a sequence number.
-- scope: org
-- in: org_id uuid, conversation_id uuid, before_seq int8, rows_max int8
-- out: seq int8, role int4, body text, attributes jsonb?, tokens int4, created_at timestamptz
SELECT t.seq, t.role::int4, t.body, t.attributes, t.tokens, t.created_at
FROM usher.turns t
WHERE t.org_id = $1 AND t.conversation_id = $2 AND t.seq < $3
ORDER BY t.seq DESC
LIMIT $4
