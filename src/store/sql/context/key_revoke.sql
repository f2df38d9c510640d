-- Revoke a key of a chatbot, or (without one) a service's; one that is revoked stays as it is. No row:
-- there is no such key.
-- scope: org
-- in: org_id uuid, chatbot_id uuid?, id uuid
-- out: id uuid, chatbot_id uuid?, display_name text, prefix text, scopes text[],
--      default_user_id uuid?, bound_user_id uuid?, allowed_networks text[],
--      requests_per_minute int8, requests_per_day int8, created_at timestamptz,
--      expires_at timestamptz?, revoked_at timestamptz?, last_used_at timestamptz?
UPDATE usher.api_keys AS k SET revoked_at = coalesce(k.revoked_at, now())
WHERE k.org_id = $1 AND k.chatbot_id IS NOT DISTINCT FROM $2 AND k.id = $3
RETURNING k.id, k.chatbot_id, k.display_name, k.prefix, k.scopes, k.default_user_id, k.bound_user_id,
	k.allowed_networks, k.requests_per_minute, k.requests_per_day, k.created_at, k.expires_at,
	k.revoked_at, date_trunc('second', k.last_used_at)
