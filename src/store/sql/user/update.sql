-- Change a user's own fields; NULL leaves one as it is, and what is as it was makes no new version. No
-- row: none such, or (expect_version not 0) in another version.
-- scope: org
-- in: org_id uuid, id uuid, display_name text?, locale text?, time_zone text?, expect_version int8
-- out: id uuid, org_id uuid, external_id text?, display_name text, email text, status int4,
--      roles text[], locale text, time_zone text, has_account bool, version int8,
--      created_at timestamptz, updated_at timestamptz
UPDATE usher.users u SET
	display_name = coalesce($3, u.display_name),
	locale = coalesce($4, u.locale),
	time_zone = coalesce($5, u.time_zone),
	version = u.version + ((u.display_name, u.locale, u.time_zone)
		IS DISTINCT FROM (coalesce($3, u.display_name), coalesce($4, u.locale),
			coalesce($5, u.time_zone)))::int,
	updated_at = CASE WHEN (u.display_name, u.locale, u.time_zone)
		IS DISTINCT FROM (coalesce($3, u.display_name), coalesce($4, u.locale),
			coalesce($5, u.time_zone))
		THEN now() ELSE u.updated_at END
WHERE u.org_id = $1 AND u.id = $2 AND ($6 = 0 OR u.version = $6)
RETURNING u.id, u.org_id, u.external_id, u.display_name, u.email, u.status::int4,
	ARRAY(SELECT r.role FROM usher.user_roles r WHERE r.org_id = $1 AND r.user_id = u.id
		ORDER BY r.role),
	u.locale, u.time_zone, u.account_id IS NOT NULL, u.version, u.created_at, u.updated_at
