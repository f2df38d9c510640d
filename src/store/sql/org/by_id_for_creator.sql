-- An organisation that has this id, and whether this account made it.
-- scope: platform
-- in: id uuid, created_by uuid
-- out: id uuid, slug text, display_name text, version int8, created_at timestamptz, is_own bool
SELECT o.id, o.slug, o.display_name, o.version, o.created_at,
	o.created_by IS NOT DISTINCT FROM $2 AND o.deleted_at IS NULL
FROM usher.orgs o
WHERE o.id = $1
