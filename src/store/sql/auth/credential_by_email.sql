-- The account behind an address, its password, and the user that a login makes active: the one in
-- the organisation asked for, or the one that joined first.
-- scope: directory
-- in: email_folded text, org_id uuid?
-- out: account_id uuid, password_hash text?, is_disabled bool, has_users bool, org_id uuid?,
--      user_id uuid?
SELECT a.id, p.hash, a.disabled_at IS NOT NULL,
	EXISTS (SELECT FROM usher.account_users au WHERE au.account_id = a.id),
	active.org_id, active.user_id
FROM usher.accounts a
LEFT JOIN usher.passwords p ON p.account_id = a.id
LEFT JOIN LATERAL (
	SELECT au.org_id, au.user_id
	FROM usher.account_users au
	JOIN usher.users u ON u.org_id = au.org_id AND u.id = au.user_id AND u.status = 1
	JOIN usher.orgs o ON o.id = au.org_id AND o.disabled_at IS NULL AND o.deleted_at IS NULL
	WHERE au.account_id = a.id AND ($2::uuid IS NULL OR au.org_id = $2)
	ORDER BY au.joined_at, au.org_id
	LIMIT 1
) active ON true
WHERE a.email_folded = $1
