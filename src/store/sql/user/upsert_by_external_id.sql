-- Make a user with this external_id, or change the one that has it; NULL leaves a field as it is, or
-- empty. With expect_version nothing is made. No row: in another version, or (expect_version) none
-- such. What is as it was makes no new version. is_created: an inserted row has no xmax, one that ON
-- CONFLICT has locked does.
-- scope: org
-- in: org_id uuid, new_id uuid, external_id text, display_name text?, email text?, locale text?,
--     time_zone text?, expect_version int8
-- out: id uuid, org_id uuid, external_id text?, display_name text, email text, status int4,
--      roles text[], locale text, time_zone text, has_account bool, version int8,
--      created_at timestamptz, updated_at timestamptz,
--      is_created bool
INSERT INTO usher.users AS u (org_id, id, external_id, display_name, email, locale, time_zone)
SELECT $1, $2, $3, coalesce($4, ''), coalesce($5, ''), coalesce($6, ''), coalesce($7, '')
WHERE $8 = 0 OR EXISTS (SELECT FROM usher.users e WHERE e.org_id = $1 AND e.external_id = $3)
ON CONFLICT (org_id, external_id) DO UPDATE SET
	display_name = coalesce($4, u.display_name),
	email = coalesce($5, u.email),
	locale = coalesce($6, u.locale),
	time_zone = coalesce($7, u.time_zone),
	version = u.version + ((u.display_name, u.email, u.locale, u.time_zone)
		IS DISTINCT FROM (coalesce($4, u.display_name), coalesce($5, u.email),
			coalesce($6, u.locale), coalesce($7, u.time_zone)))::int,
	updated_at = CASE WHEN (u.display_name, u.email, u.locale, u.time_zone)
		IS DISTINCT FROM (coalesce($4, u.display_name), coalesce($5, u.email),
			coalesce($6, u.locale), coalesce($7, u.time_zone))
		THEN now() ELSE u.updated_at END
WHERE $8 = 0 OR u.version = $8
RETURNING u.id, u.org_id, u.external_id, u.display_name, u.email, u.status::int4,
	ARRAY(SELECT r.role FROM usher.user_roles r WHERE r.org_id = $1 AND r.user_id = u.id
		ORDER BY r.role),
	u.locale, u.time_zone, u.account_id IS NOT NULL, u.version, u.created_at, u.updated_at,
	u.xmax = 0
