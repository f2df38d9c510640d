-- Remove the marks of receipt batches that no spool will bring again.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.read_batches WHERE (spool_id, batch) IN (
		SELECT spool_id, batch FROM usher.read_batches WHERE stored_at < now() - interval '30 days'
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.read_batches WHERE stored_at < now() - interval '30 days'
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
