-- Changes that some node has not read yet, and rows of nodes that were not heard of for so long; each counted
-- up to a limit.
-- scope: job
-- in: rows_max int8, seconds int8
-- out: changes int8, nodes int8
SELECT (SELECT count(*) FROM (SELECT FROM usher.changes LIMIT $1) c),
	(SELECT count(*) FROM (
		SELECT FROM usher.nodes WHERE renewed_at < now() - make_interval(secs => $2)
		LIMIT $1) n)
