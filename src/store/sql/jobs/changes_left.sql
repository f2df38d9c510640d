-- Changes that some node has not read yet, counted up to a limit.
-- scope: job
-- in: rows_max int8
-- out: changes int8
SELECT count(*) FROM (SELECT FROM usher.changes LIMIT $1) c
