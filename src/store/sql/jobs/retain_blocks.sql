-- Remove blocks that no receipt of the last so many seconds names: a node that reads a block says so
-- within the three days before (svc/context/memory.c). With the week it may be late, and the clocks wrong.
-- scope: job
-- in: rows_max int8, counted_max int8, seconds int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.blocks WHERE (org_id, user_id, hash) IN (
		SELECT org_id, user_id, hash FROM usher.blocks
		WHERE used_at < now() - make_interval(days => 7, secs => $3)
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.blocks WHERE used_at < now() - make_interval(days => 7, secs => $3)
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
