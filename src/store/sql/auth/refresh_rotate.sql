-- Give each of these refresh tokens its successor, if all is well with it: the secret is its own, it
-- has none yet, and token, session, account, user and organisation are usable. Of two that come at
-- once the second waits for the first and gets no row, and nor does a token named twice more than
-- one. Being used, the token is confirmed: its own predecessor is superseded from now on.
-- place: which one it is, from 1. The condition on it: as in context/parents.
-- scope: directory
-- in: ids uuid[], secret_hashes bytea[], successor_ids uuid[], successors_sealed bytea[],
--     successor_hashes bytea[], token_ttl_us int8
-- out: place int8, session_id uuid, account_id uuid, org_id uuid?, user_id uuid?, xid int8
WITH rotated AS (
	UPDATE usher.refresh_tokens t
	SET successor_id = asked.successor_id, successor_sealed = asked.successor_sealed
	FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY
		AS asked (id, secret_hash, successor_id, successor_sealed, successor_hash, place),
		usher.sessions s
	JOIN usher.accounts a ON a.id = s.account_id AND a.disabled_at IS NULL
	LEFT JOIN usher.users u ON u.org_id = s.org_id AND u.id = s.user_id
	LEFT JOIN usher.orgs o ON o.id = s.org_id
	WHERE asked.place BETWEEN 1 AND 1000
		AND t.id = asked.id AND t.secret_hash = asked.secret_hash
		AND t.successor_id IS NULL AND t.superseded_at IS NULL AND t.expires_at > now()
		AND s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
		AND (s.org_id IS NULL OR (
			u.status = 1 AND o.disabled_at IS NULL AND o.deleted_at IS NULL))
	RETURNING asked.place, asked.id, asked.successor_id, asked.successor_hash,
		s.id AS session_id, s.account_id, s.org_id, s.user_id, s.expires_at
), confirmed AS (
	UPDATE usher.refresh_tokens p SET superseded_at = now()
	FROM rotated
	WHERE p.successor_id = rotated.id AND p.superseded_at IS NULL
), successor AS (
	INSERT INTO usher.refresh_tokens (id, session_id, secret_hash, expires_at)
	SELECT rotated.successor_id, rotated.session_id, rotated.successor_hash,
		least(rotated.expires_at, now() + $6 * interval '1 microsecond')
	FROM rotated
)
SELECT place, session_id, account_id, org_id, user_id, pg_current_xact_id()::text::int8
FROM rotated
