-- Remove operations that are kept no longer, with their results: few at a time, those may be many.
-- scope: job
-- in: rows_max int8
-- out: removed int8
WITH gone AS (
	DELETE FROM usher.operations WHERE (org_id, id) IN (
		SELECT org_id, id FROM usher.operations WHERE expires_at < now()
		LIMIT least($1, 20) FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT count(*) FROM gone
