-- Remove receipts of reads longer ago than that.
-- scope: job
-- in: rows_max int8, seconds int8
-- out: removed int8
WITH gone AS (
	DELETE FROM usher.reads WHERE (org_id, read_id, read_at) IN (
		SELECT org_id, read_id, read_at FROM usher.reads
		WHERE read_at < now() - make_interval(secs => $2)
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT count(*) FROM gone
