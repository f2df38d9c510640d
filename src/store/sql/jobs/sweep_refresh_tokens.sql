-- Remove refresh tokens a day after their end.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.refresh_tokens WHERE (id) IN (
		SELECT id FROM usher.refresh_tokens WHERE expires_at < now() - interval '1 day'
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.refresh_tokens WHERE expires_at < now() - interval '1 day'
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
