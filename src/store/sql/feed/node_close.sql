-- A node has stopped and trusts nothing any more.
-- scope: platform
-- in: id uuid
-- out: none
DELETE FROM usher.nodes WHERE id = $1
