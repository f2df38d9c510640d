-- A key's id alone leads to its organisation.
-- scope: directory
-- in: key_id uuid, org_id uuid
-- out: none
INSERT INTO usher.key_directory (key_id, org_id) VALUES ($1, $2)
