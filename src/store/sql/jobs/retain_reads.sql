-- Remove receipts of reads longer ago than that, of those not before after. The index by time forgets nothing:
-- what was emptied is read each time, unless after leads past it, which is where the next batch goes on.
-- Order is nearly that of time, so what that leaves out is for a batch that begins anew. A planner that
-- knew the bounds would see that most rows are between them, and read the table from its start.
-- A batch that is not full has left none behind after; only behind a full one are others counted, as far.
-- scope: job
-- in: rows_max int8, counted_max int8, seconds int8, after timestamptz
-- out: removed int8, remaining int8, next_after timestamptz
WITH gone AS (
	DELETE FROM usher.reads WHERE (org_id, read_id, read_at) IN (
		SELECT org_id, read_id, read_at FROM usher.reads
		WHERE read_at >= (SELECT $4) AND read_at < (SELECT now() - make_interval(secs => $3))
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING read_at)
SELECT g.removed,
	CASE WHEN g.removed < $1 THEN 0 ELSE least($2, (SELECT count(*) FROM (
		SELECT FROM usher.reads
		WHERE read_at >= (SELECT $4) AND read_at < (SELECT now() - make_interval(secs => $3))
		LIMIT $1 + $2) due) - g.removed) END,
	g.next_after
FROM (SELECT count(*) AS removed, coalesce(min(read_at), $4) AS next_after FROM gone) g
