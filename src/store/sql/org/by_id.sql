-- An organisation.
-- scope: org
-- in: org_id uuid
-- out: id uuid, slug text, display_name text, version int8, created_at timestamptz
SELECT o.id, o.slug, o.display_name, o.version, o.created_at
FROM usher.orgs o
WHERE o.id = $1 AND o.deleted_at IS NULL
