-- Make an organisation; no row when its id or its slug is taken.
-- scope: platform
-- in: id uuid, slug text, display_name text, created_by uuid
-- out: id uuid, slug text, display_name text, version int8, created_at timestamptz
INSERT INTO usher.orgs (id, slug, display_name, created_by)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING id, slug, display_name, version, created_at
