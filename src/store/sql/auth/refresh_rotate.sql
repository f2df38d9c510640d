-- Give a refresh token its successor, if all is well with it: the secret is its own, it has none
-- yet, and token, session, account, user and organisation are usable. Of two that come at once the
-- second waits for the first and gets no row. Being used, the token is confirmed: its own
-- predecessor is superseded from now on.
-- scope: directory
-- in: id uuid, secret_hash bytea, successor_id uuid, successor_sealed bytea, successor_hash bytea,
--     token_ttl_us int8
-- out: session_id uuid, account_id uuid, org_id uuid?, user_id uuid?, xid int8
WITH rotated AS (
	UPDATE usher.refresh_tokens t SET successor_id = $3, successor_sealed = $4
	FROM usher.sessions s
	JOIN usher.accounts a ON a.id = s.account_id AND a.disabled_at IS NULL
	LEFT JOIN usher.users u ON u.org_id = s.org_id AND u.id = s.user_id
	LEFT JOIN usher.orgs o ON o.id = s.org_id
	WHERE t.id = $1 AND t.secret_hash = $2 AND t.successor_id IS NULL AND t.superseded_at IS NULL
		AND t.expires_at > now()
		AND s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
		AND (s.org_id IS NULL OR (
			u.status = 1 AND o.disabled_at IS NULL AND o.deleted_at IS NULL))
	RETURNING s.id AS session_id, s.account_id, s.org_id, s.user_id, s.expires_at
), confirmed AS (
	UPDATE usher.refresh_tokens SET superseded_at = now()
	WHERE successor_id = $1 AND superseded_at IS NULL AND EXISTS (SELECT FROM rotated)
), successor AS (
	INSERT INTO usher.refresh_tokens (id, session_id, secret_hash, expires_at)
	SELECT $3, rotated.session_id, $5,
		least(rotated.expires_at, now() + $6 * interval '1 microsecond')
	FROM rotated
)
SELECT session_id, account_id, org_id, user_id, pg_current_xact_id()::text::int8 FROM rotated
