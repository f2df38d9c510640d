-- Keep a version of an assembled context. Nothing happens when it is kept, or the user is gone.
-- scope: org
-- in: org_id uuid, hash bytea, user_id uuid, content bytea
-- out: none
INSERT INTO usher.blocks (org_id, hash, user_id, content)
SELECT $1, $2, u.id, $4 FROM usher.users u WHERE u.org_id = $1 AND u.id = $3
ON CONFLICT (org_id, user_id, hash) DO NOTHING
