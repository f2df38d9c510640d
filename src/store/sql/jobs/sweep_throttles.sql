-- Remove counts of attempts that hold nobody back any more.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.throttles WHERE (kind, subject) IN (
		SELECT kind, subject FROM usher.throttles WHERE window_start < now() - interval '1 day' AND free_at < now()
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.throttles WHERE window_start < now() - interval '1 day' AND free_at < now()
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
