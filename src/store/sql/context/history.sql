-- The newest turns of a conversation before a sequence number, newest first: so many, and of so
-- many bytes together.
-- scope: org
-- in: org_id uuid, conversation_id uuid, before_seq int8, rows_max int8, bytes_max int8
-- out: seq int8, role int4, body text
SELECT h.seq, h.role, h.body
FROM (
	SELECT t.seq, t.role::int4 AS role, t.body,
		sum(octet_length(t.body)) OVER (ORDER BY t.seq DESC) AS bytes
	FROM usher.turns t
	WHERE t.org_id = $1 AND t.conversation_id = $2 AND t.seq < $3
	ORDER BY t.seq DESC
	LIMIT $4
) h
WHERE h.bytes <= $5
ORDER BY h.seq DESC
