-- A user's id and status, by id or external_id.
-- scope: org
-- in: org_id uuid, id uuid?, external_id text?
-- out: id uuid, status int4
SELECT u.id, u.status::int4
FROM usher.users u
WHERE u.org_id = $1 AND (u.id = $2 OR u.external_id = $3)
