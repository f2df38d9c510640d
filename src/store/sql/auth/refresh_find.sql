-- A refresh token with its session, locked, so that of two that come at once the second sees the
-- first one's successor. is_usable: token, session, account, user and organisation all are.
-- scope: directory
-- in: id uuid
-- out: secret_hash bytea, is_usable bool, is_superseded bool, successor_id uuid?,
--      successor_sealed bytea?, session_id uuid, account_id uuid, org_id uuid?, user_id uuid?
SELECT t.secret_hash,
	t.expires_at > now() AND s.revoked_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL
		AND (s.org_id IS NULL OR coalesce(
			u.status = 1 AND o.disabled_at IS NULL AND o.deleted_at IS NULL, false)),
	t.superseded_at IS NOT NULL, t.successor_id, t.successor_sealed,
	s.id, s.account_id, s.org_id, s.user_id
FROM usher.refresh_tokens t
JOIN usher.sessions s ON s.id = t.session_id
JOIN usher.accounts a ON a.id = s.account_id
LEFT JOIN usher.users u ON u.org_id = s.org_id AND u.id = s.user_id
LEFT JOIN usher.orgs o ON o.id = s.org_id
WHERE t.id = $1
FOR UPDATE OF t
