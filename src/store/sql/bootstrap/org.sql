-- Make an organisation.
-- scope: platform
-- in: id uuid, slug text, display_name text
-- out: none
INSERT INTO usher.orgs (id, slug, display_name) VALUES ($1, $2, $3)
