-- Remove results that no repeat will be given any more.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.idempotency WHERE (principal, method_id, key_hash) IN (
		SELECT principal, method_id, key_hash FROM usher.idempotency WHERE expires_at < now()
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.idempotency WHERE expires_at < now()
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
