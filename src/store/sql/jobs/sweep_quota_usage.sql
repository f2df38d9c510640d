-- Remove quota windows that are over for two days.
-- scope: job
-- in: rows_max int8, counted_max int8
-- out: removed int8, remaining int8
WITH gone AS (
	DELETE FROM usher.quota_usage WHERE (org_id, key_id, bucket, window_start) IN (
		SELECT org_id, key_id, bucket, window_start FROM usher.quota_usage WHERE window_start < now() - interval '2 days'
		LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING 1)
SELECT (SELECT count(*) FROM gone),
	least($2, (SELECT count(*) FROM (
		SELECT FROM usher.quota_usage WHERE window_start < now() - interval '2 days'
		LIMIT $1 + $2) due) - (SELECT count(*) FROM gone))
