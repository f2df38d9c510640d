-- Say that something which nodes remember has changed. Sent with the commit.
-- scope: directory
-- in: kind int4, id uuid?, org_id uuid?, restricts bool
-- out: none
INSERT INTO usher.changes (kind, id, org_id, restricts)
VALUES ($1, $2, $3, $4)
