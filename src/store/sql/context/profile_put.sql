-- Write the fields of a profile that are not NULL here. A field whose value changes is stamped with
-- who wrote it: the same value written again stays the first writer's, and what is as it was makes no
-- new version. JSON is compared as the text that readers get: to jsonb 1 is 1.000.
-- No row: in another version.
-- scope: org
-- in: org_id uuid, user_id uuid, company text?, role text?, about text?, preferences jsonb?,
--     profile_data jsonb?, trust int4, expect_version int8
-- out: user_id uuid, company text, role text, about text, preferences jsonb, profile_data jsonb,
--      version int8, updated_at timestamptz
INSERT INTO usher.profiles AS p (org_id, user_id, company, role, about, preferences, profile_data,
	trust)
SELECT $1, $2, coalesce($3, ''), coalesce($4, ''), coalesce($5, ''), coalesce($6, '{}'),
	coalesce($7, '{}'),
	jsonb_strip_nulls(jsonb_build_object(
		'company', CASE WHEN $3 <> '' THEN $8 END,
		'role', CASE WHEN $4 <> '' THEN $8 END,
		'about', CASE WHEN $5 <> '' THEN $8 END,
		'preferences', CASE WHEN $6 <> '{}' THEN $8 END,
		'profile_data', CASE WHEN $7 <> '{}' THEN $8 END))
WHERE $9 = 0
	OR EXISTS (SELECT FROM usher.profiles e WHERE e.org_id = $1 AND e.user_id = $2)
ON CONFLICT (org_id, user_id) DO UPDATE SET
	company = coalesce($3, p.company),
	role = coalesce($4, p.role),
	about = coalesce($5, p.about),
	preferences = coalesce($6, p.preferences),
	profile_data = coalesce($7, p.profile_data),
	trust = p.trust || jsonb_strip_nulls(jsonb_build_object(
		'company', CASE WHEN $3 <> p.company THEN $8 END,
		'role', CASE WHEN $4 <> p.role THEN $8 END,
		'about', CASE WHEN $5 <> p.about THEN $8 END,
		'preferences', CASE WHEN $6::text <> p.preferences::text THEN $8 END,
		'profile_data', CASE WHEN $7::text <> p.profile_data::text THEN $8 END)),
	version = p.version + ((p.company, p.role, p.about, p.preferences::text, p.profile_data::text)
		IS DISTINCT FROM (coalesce($3, p.company), coalesce($4, p.role), coalesce($5, p.about),
			coalesce($6, p.preferences)::text, coalesce($7, p.profile_data)::text))::int,
	updated_at = CASE
		WHEN (p.company, p.role, p.about, p.preferences::text, p.profile_data::text)
		IS DISTINCT FROM (coalesce($3, p.company), coalesce($4, p.role), coalesce($5, p.about),
			coalesce($6, p.preferences)::text, coalesce($7, p.profile_data)::text)
		THEN now() ELSE p.updated_at END
WHERE $9 = 0 OR p.version = $9
RETURNING p.user_id, p.company, p.role, p.about, p.preferences, p.profile_data, p.version,
	p.updated_at
