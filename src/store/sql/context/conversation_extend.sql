-- Give a conversation's next sequence numbers out; its row is locked until the commit.
-- scope: org
-- in: org_id uuid, chatbot_id uuid, id uuid?, external_key text, turns int8
-- out: id uuid, user_id uuid, last_seq int8, user_status int4, chatbot_disabled bool
UPDATE usher.conversations AS c SET last_seq = c.last_seq + $5, updated_at = now()
WHERE c.org_id = $1 AND c.chatbot_id = $2 AND (c.id = $3 OR c.external_key = $4)
RETURNING c.id, c.user_id, c.last_seq,
	(SELECT u.status FROM usher.users u WHERE u.org_id = $1 AND u.id = c.user_id)::int4,
	(SELECT b.disabled_at IS NOT NULL FROM usher.chatbots b WHERE b.org_id = $1 AND b.id = c.chatbot_id)
