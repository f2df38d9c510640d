-- Remove sign-ups a day after their end.
-- scope: job
-- in: rows_max int8
-- out: removed int8
WITH gone AS (
	DELETE FROM usher.signups WHERE (id) IN (
		SELECT id FROM usher.signups WHERE expires_at < now() - interval '1 day'
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT count(*) FROM gone
