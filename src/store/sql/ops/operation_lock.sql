-- One start at a time in an organisation, so that its limit holds.
-- scope: org
-- in: org_id uuid
-- out: id uuid
SELECT o.id FROM usher.orgs o WHERE o.id = $1 AND o.deleted_at IS NULL FOR NO KEY UPDATE
