-- Remove operations that are kept no longer, with their results, which may be many.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.operations WHERE (org_id, id) IN (
		SELECT org_id, id FROM usher.operations WHERE expires_at < now()
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.operations WHERE expires_at < now()
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
