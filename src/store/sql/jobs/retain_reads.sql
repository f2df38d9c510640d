-- Remove receipts of reads longer ago than that, of those not before after. The index by time forgets nothing:
-- what was emptied is read each time, unless after leads past it, which is where the next batch goes on.
-- Order is nearly that of time, so what that leaves out is for a batch that begins anew. A planner that
-- knew the bounds would see that most rows are between them, and read the table from its start.
-- scope: job
-- in: rows_max int8, seconds int8, after timestamptz
-- out: removed int8, next_after timestamptz
WITH gone AS (
	DELETE FROM usher.reads WHERE (org_id, read_id, read_at) IN (
		SELECT org_id, read_id, read_at FROM usher.reads
		WHERE read_at >= (SELECT $3) AND read_at < (SELECT now() - make_interval(secs => $2))
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING read_at)
SELECT count(*), coalesce(min(read_at), $3) FROM gone
