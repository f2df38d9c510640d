-- Empty the addresses and user agents of what was audited longer ago than that.
-- scope: job
-- in: rows_max int8, counted_max int8, seconds int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.audit_addresses WHERE audit_id IN (
		SELECT audit_id FROM usher.audit_addresses WHERE at < now() - make_interval(secs => $3)
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.audit_addresses WHERE at < now() - make_interval(secs => $3)
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
