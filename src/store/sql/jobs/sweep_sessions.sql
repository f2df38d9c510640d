-- Remove sessions a week after their end, with their refresh tokens.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.sessions WHERE (id) IN (
		SELECT id FROM usher.sessions WHERE expires_at < now() - interval '7 days'
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.sessions WHERE expires_at < now() - interval '7 days'
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
