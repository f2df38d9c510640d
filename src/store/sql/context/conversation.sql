-- One conversation of a chatbot, by our id or the caller's own name for it.
-- scope: org
-- in: org_id uuid, chatbot_id uuid, id uuid?, external_key text
-- out: id uuid, user_id uuid, last_seq int8
SELECT c.id, c.user_id, c.last_seq
FROM usher.conversations c
WHERE c.org_id = $1 AND c.chatbot_id = $2 AND (c.id = $3 OR c.external_key = $4)
ORDER BY (c.id = $3) IS TRUE DESC
LIMIT 1
