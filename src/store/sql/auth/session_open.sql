-- Open a session with its first refresh token; no row when the account is disabled by now. The lock
-- makes whoever disables it wait, and then find this session.
-- scope: account
-- in: session_id uuid, account_id uuid, org_id uuid?, user_id uuid?, session_ttl_us int8,
--     token_id uuid, token_hash bytea, token_ttl_us int8
-- out: session_id uuid
WITH account AS (
	SELECT a.id FROM usher.accounts a
	WHERE a.id = $2 AND a.disabled_at IS NULL
	FOR SHARE
), session AS (
	INSERT INTO usher.sessions (id, account_id, org_id, user_id, expires_at)
	SELECT $1, account.id, $3, $4, now() + $5 * interval '1 microsecond' FROM account
	RETURNING id
)
INSERT INTO usher.refresh_tokens (id, session_id, secret_hash, expires_at)
SELECT $6, session.id, $7, now() + least($5, $8) * interval '1 microsecond' FROM session
RETURNING session_id
