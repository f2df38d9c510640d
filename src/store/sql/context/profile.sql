-- A user (by id or external_id) and their profile; version is NULL while there is none.
-- scope: org
-- in: org_id uuid, id uuid?, external_id text?
-- out: user_id uuid, company text?, role text?, about text?, preferences jsonb?,
--      profile_data jsonb?, version int8?, updated_at timestamptz?, user_status int4
SELECT u.id, p.company, p.role, p.about, p.preferences, p.profile_data, p.version, p.updated_at,
	u.status::int4
FROM usher.users u
LEFT JOIN usher.profiles p ON p.org_id = $1 AND p.user_id = u.id
WHERE u.org_id = $1 AND (u.id = $2 OR u.external_id = $3)
