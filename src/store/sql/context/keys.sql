-- A page of a chatbot's keys, or (without one) of services', oldest first, behind a time and an id.
-- scope: org
-- in: org_id uuid, chatbot_id uuid?, after_time timestamptz, after_id uuid, rows_max int8
-- out: id uuid, chatbot_id uuid?, display_name text, prefix text, scopes text[],
--      default_user_id uuid?, bound_user_id uuid?, allowed_networks text[],
--      requests_per_minute int8, requests_per_day int8, created_at timestamptz,
--      expires_at timestamptz?, revoked_at timestamptz?, last_used_at timestamptz?
SELECT k.id, k.chatbot_id, k.display_name, k.prefix, k.scopes, k.default_user_id, k.bound_user_id,
	k.allowed_networks, k.requests_per_minute, k.requests_per_day, k.created_at, k.expires_at,
	k.revoked_at, date_trunc('second', k.last_used_at)
FROM usher.api_keys k
WHERE k.org_id = $1 AND (k.chatbot_id = $2 OR ($2 IS NULL AND k.chatbot_id IS NULL))
	AND (k.created_at, k.id) > ($3, $4)
ORDER BY k.created_at, k.id
LIMIT $5
