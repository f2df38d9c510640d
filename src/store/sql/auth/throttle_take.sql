-- Count an attempt against where it comes from, and if that is free, against what it is on. Beyond
-- the burst each attempt doubles the time until the next is free, up to delay_max_s; a new window
-- begins with a clean slate. An attempt that comes too early is refused and changes nothing, but that
-- one that is too early for what it is on alone was counted (is_counted) where it comes from.
-- wide_subject: what it is on once more, from wherever around there it may come; counted last, by the
-- same rule with a burst of its own, so that whoever is refused before uses up nothing of others'.
-- Whoever is refused by it alone was counted on the other two.
-- After a clock that was ahead has been set back, or a failover to a server whose clock is right, times
-- lie in the future. A wait that is longer than the rule's longest is none, and a window that has not
-- begun ends at once: nobody is locked out for as long as the clock was ahead.
-- Counted and compared under the row's lock, so attempts at once are counted one by one; the clock is
-- read under it too. The network's row is always locked first. wait_us is as of this statement's
-- start: good enough for a hint. is_alone: it is a transaction of its own, and that is
-- committed without waiting for the disk; a PostgreSQL that crashes may forget what was counted in its
-- last half second.
-- scope: account
-- in: network_kind int8, network_subject bytea, network_burst int8, network_delay_s float8,
--     network_delay_max_s float8, network_window_s float8,
--     kind int8, subject bytea, burst int8, delay_s float8, delay_max_s float8, window_s float8,
--     is_alone bool, wide_kind int8, wide_subject bytea?, wide_burst int8
-- out: is_free bool, wait_us int8, is_counted bool
WITH network AS (
	INSERT INTO usher.throttles AS t (kind, subject, attempts, window_start, free_at)
	VALUES ($1, $2, 1, clock_timestamp(), clock_timestamp())
	ON CONFLICT (kind, subject) DO UPDATE SET
		attempts = CASE WHEN clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $6))
			THEN t.attempts + 1 ELSE 1 END,
		window_start = CASE WHEN clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $6))
			THEN t.window_start ELSE clock_timestamp() END,
		free_at = CASE WHEN NOT clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $6))
			OR t.attempts + 1 < $3 THEN clock_timestamp()
			ELSE clock_timestamp() + make_interval(
				secs => least($5, $4 * power(2, least(t.attempts + 1 - $3, 30)))) END
	WHERE t.free_at <= clock_timestamp() OR t.free_at > clock_timestamp() + make_interval(secs => $5)
	RETURNING t.kind
), target AS (
	INSERT INTO usher.throttles AS t (kind, subject, attempts, window_start, free_at)
	SELECT $7, $8, 1, clock_timestamp(), clock_timestamp() FROM network
	ON CONFLICT (kind, subject) DO UPDATE SET
		attempts = CASE WHEN clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $12))
			THEN t.attempts + 1 ELSE 1 END,
		window_start = CASE WHEN clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $12))
			THEN t.window_start ELSE clock_timestamp() END,
		free_at = CASE WHEN NOT clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $12))
			OR t.attempts + 1 < $9 THEN clock_timestamp()
			ELSE clock_timestamp() + make_interval(
				secs => least($11, $10 * power(2, least(t.attempts + 1 - $9, 30)))) END
	WHERE t.free_at <= clock_timestamp() OR t.free_at > clock_timestamp() + make_interval(secs => $11)
	RETURNING t.kind
), wide AS (
	INSERT INTO usher.throttles AS t (kind, subject, attempts, window_start, free_at)
	SELECT $14, $15, 1, clock_timestamp(), clock_timestamp() FROM target WHERE $15 IS NOT NULL
	ON CONFLICT (kind, subject) DO UPDATE SET
		attempts = CASE WHEN clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $12))
			THEN t.attempts + 1 ELSE 1 END,
		window_start = CASE WHEN clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $12))
			THEN t.window_start ELSE clock_timestamp() END,
		free_at = CASE WHEN NOT clock_timestamp() <@ tstzrange(t.window_start, t.window_start + make_interval(secs => $12))
			OR t.attempts + 1 < $16 THEN clock_timestamp()
			ELSE clock_timestamp() + make_interval(
				secs => least($11, $10 * power(2, least(t.attempts + 1 - $16, 30)))) END
	WHERE t.free_at <= clock_timestamp() OR t.free_at > clock_timestamp() + make_interval(secs => $11)
	RETURNING t.kind
)
SELECT EXISTS (SELECT FROM target) AND ($15 IS NULL OR EXISTS (SELECT FROM wide)),
	coalesce((SELECT (extract(epoch FROM max(t.free_at) - clock_timestamp()) * 1000000)::bigint
		FROM usher.throttles t
		WHERE (t.kind = $1 AND t.subject = $2 AND t.free_at <= clock_timestamp() + make_interval(secs => $5))
		OR (t.kind = $7 AND t.subject = $8 AND t.free_at <= clock_timestamp() + make_interval(secs => $11))
		OR (t.kind = $14 AND t.subject = $15 AND t.free_at <= clock_timestamp() + make_interval(secs => $11))), 0),
	EXISTS (SELECT FROM network)
WHERE NOT $13 OR set_config('synchronous_commit', 'off', true) IS NOT NULL
