-- Is it the system organisation?
-- scope: directory
-- in: org_id uuid
-- out: is_system bool
SELECT o.is_system FROM usher.orgs o WHERE o.id = $1
