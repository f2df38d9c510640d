-- Make a conversation that has so many turns; when another has just made it, extend that one.
-- scope: org
-- in: org_id uuid, id uuid, chatbot_id uuid, user_id uuid, external_key text, turns int8
-- out: id uuid, user_id uuid, last_seq int8, user_status int4, chatbot_disabled bool
INSERT INTO usher.conversations AS c (org_id, id, chatbot_id, user_id, external_key, last_seq)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (org_id, chatbot_id, external_key)
	DO UPDATE SET last_seq = c.last_seq + $6, updated_at = now()
RETURNING c.id, c.user_id, c.last_seq,
	(SELECT u.status FROM usher.users u WHERE u.org_id = $1 AND u.id = c.user_id)::int4,
	(SELECT b.disabled_at IS NOT NULL FROM usher.chatbots b WHERE b.org_id = $1 AND b.id = c.chatbot_id)
