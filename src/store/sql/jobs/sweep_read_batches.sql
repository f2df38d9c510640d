-- Remove the marks of receipt batches that no spool will bring again.
-- scope: job
-- in: rows_max int8
-- out: removed int8
WITH gone AS (
	DELETE FROM usher.read_batches WHERE (spool_id, batch) IN (
		SELECT spool_id, batch FROM usher.read_batches WHERE stored_at < now() - interval '30 days'
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT count(*) FROM gone
