-- Make a key and its directory entry.
-- scope: org
-- in: org_id uuid, id uuid, chatbot_id uuid, display_name text, prefix text, secret_hash bytea,
--     scopes text[], default_user_id uuid?, bound_user_id uuid?, allowed_networks text[],
--     requests_per_minute int8, requests_per_day int8, created_by uuid?, expires_at timestamptz?
-- out: id uuid, chatbot_id uuid?, display_name text, prefix text, scopes text[],
--      default_user_id uuid?, bound_user_id uuid?, allowed_networks text[],
--      requests_per_minute int8, requests_per_day int8, created_at timestamptz,
--      expires_at timestamptz?, revoked_at timestamptz?, last_used_at timestamptz?
INSERT INTO usher.api_keys AS k (org_id, id, chatbot_id, display_name, prefix, secret_hash, scopes,
	default_user_id, bound_user_id, allowed_networks, requests_per_minute, requests_per_day,
	created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
RETURNING k.id, k.chatbot_id, k.display_name, k.prefix, k.scopes, k.default_user_id, k.bound_user_id,
	k.allowed_networks, k.requests_per_minute, k.requests_per_day, k.created_at, k.expires_at,
	k.revoked_at, date_trunc('second', k.last_used_at)
