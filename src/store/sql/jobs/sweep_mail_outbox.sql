-- Remove mail that has waited longer than what it brings is good for.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.mail_outbox WHERE (id) IN (
		SELECT id FROM usher.mail_outbox WHERE expires_at < now()
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.mail_outbox WHERE expires_at < now()
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
