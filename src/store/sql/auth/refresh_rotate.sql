-- Give a refresh token its successor. Being used, the token is confirmed: its own predecessor is
-- superseded from now on.
-- scope: account
-- in: id uuid, successor_id uuid, successor_sealed bytea, successor_hash bytea, token_ttl_us int8
-- out: none
WITH confirmed AS (
	UPDATE usher.refresh_tokens SET superseded_at = now()
	WHERE successor_id = $1 AND superseded_at IS NULL
), rotated AS (
	UPDATE usher.refresh_tokens SET successor_id = $2, successor_sealed = $3
	WHERE id = $1
	RETURNING session_id
)
INSERT INTO usher.refresh_tokens (id, session_id, secret_hash, expires_at)
SELECT $2, s.id, $4, least(s.expires_at, now() + $5 * interval '1 microsecond')
FROM rotated JOIN usher.sessions s ON s.id = rotated.session_id
