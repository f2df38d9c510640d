-- The platform's own organisation.
-- scope: platform
-- in: none
-- out: id uuid
SELECT id FROM usher.orgs WHERE is_system
