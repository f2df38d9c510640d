-- One conversation of a chatbot, by our id or the caller's own name for it.
-- scope: org
-- in: org_id uuid, chatbot_id uuid, id uuid?, external_key text
-- out: id uuid, user_id uuid, last_seq int8, user_status int4, chatbot_disabled bool
SELECT c.id, c.user_id, c.last_seq,
	(SELECT u.status FROM usher.users u WHERE u.org_id = $1 AND u.id = c.user_id)::int4,
	(SELECT b.disabled_at IS NOT NULL FROM usher.chatbots b WHERE b.org_id = $1 AND b.id = c.chatbot_id)
FROM usher.conversations c
WHERE c.org_id = $1 AND c.chatbot_id = $2 AND (c.id = $3 OR c.external_key = $4)
ORDER BY (c.id = $3) IS TRUE DESC
LIMIT 1
