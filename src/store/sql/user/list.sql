-- Users behind (after_created_at, after_id), oldest first; status 0: in any state.
-- scope: org
-- in: org_id uuid, status int8, after_created_at timestamptz, after_id uuid, count_max int8
-- out: id uuid, org_id uuid, external_id text?, display_name text, email text, status int4,
--      roles text[], locale text, time_zone text, has_account bool, version int8,
--      created_at timestamptz, updated_at timestamptz
SELECT u.id, u.org_id, u.external_id, u.display_name, u.email, u.status::int4,
	ARRAY(SELECT r.role FROM usher.user_roles r WHERE r.org_id = $1 AND r.user_id = u.id
		ORDER BY r.role),
	u.locale, u.time_zone, u.account_id IS NOT NULL, u.version, u.created_at, u.updated_at
FROM usher.users u
WHERE u.org_id = $1 AND ($2 = 0 OR u.status = $2) AND (u.created_at, u.id) > ($3, $4)
ORDER BY u.created_at, u.id
LIMIT $5
