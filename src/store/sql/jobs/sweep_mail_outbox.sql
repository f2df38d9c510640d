-- Remove mail that has waited longer than what it brings is good for.
-- scope: job
-- in: rows_max int8
-- out: removed int8
WITH gone AS (
	DELETE FROM usher.mail_outbox WHERE (id) IN (
		SELECT id FROM usher.mail_outbox WHERE expires_at < now()
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT count(*) FROM gone
