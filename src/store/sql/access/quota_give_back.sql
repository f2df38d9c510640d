-- Give back what a node that ends leased of keys' windows and has not used. Nothing happens on
-- another server than the one that was named: it may never have counted those slices.
-- Rows are locked in their order, which is a lease's own too, so that nobody waits in a circle.
-- Nodes that saw a window used up don't ask again: they are told.
-- scope: job
-- in: org_ids uuid[], key_ids uuid[], buckets int8[], window_starts int8[], limits int8[], unused int8[],
--   change_kind int4, system_identifier int8, timeline int8, recovered_at timestamptz, started_at timestamptz
-- out: windows int8, requests int8
WITH back AS (
	SELECT q.org_id, q.key_id, q.bucket, q.window_start, b.unused, q.used >= b.quota AS was_used_up
	FROM unnest($1, $2, $3, $4, $5, $6)
		AS b (org_id, key_id, bucket, window_start_s, quota, unused)
	JOIN usher.quota_usage q ON q.org_id = b.org_id AND q.key_id = b.key_id
		AND q.bucket = b.bucket AND q.window_start = to_timestamp(b.window_start_s)
	WHERE (SELECT s.system_identifier FROM pg_control_system() s) = $8
		AND ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 = $9
		AND COALESCE((SELECT stats_reset FROM pg_stat_wal), 'epoch') = $10
		AND pg_postmaster_start_time() = $11
	ORDER BY q.org_id, q.key_id, q.bucket, q.window_start
	FOR UPDATE OF q
), given AS (
	UPDATE usher.quota_usage q SET used = q.used - back.unused
	FROM back
	WHERE q.org_id = back.org_id AND q.key_id = back.key_id AND q.bucket = back.bucket
		AND q.window_start = back.window_start AND q.used >= back.unused
	RETURNING q.org_id, q.key_id, back.unused, back.was_used_up
), said AS (
	INSERT INTO usher.changes (kind, id, org_id, restricts)
	SELECT DISTINCT $7, key_id, org_id, false FROM given WHERE was_used_up
)
SELECT count(*), COALESCE(sum(unused), 0)::int8 FROM given
