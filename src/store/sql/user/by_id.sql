-- One user.
-- scope: org
-- in: org_id uuid, id uuid
-- out: id uuid, org_id uuid, external_id text?, display_name text, email text, status int4,
--      roles text[], locale text, time_zone text, has_account bool, version int8,
--      created_at timestamptz, updated_at timestamptz
SELECT u.id, u.org_id, u.external_id, u.display_name, u.email, u.status::int4,
	ARRAY(SELECT r.role FROM usher.user_roles r WHERE r.org_id = $1 AND r.user_id = u.id
		ORDER BY r.role),
	u.locale, u.time_zone, u.account_id IS NOT NULL, u.version, u.created_at, u.updated_at
FROM usher.users u
WHERE u.org_id = $1 AND u.id = $2
