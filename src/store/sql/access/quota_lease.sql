-- Lease slices of a key's requests of this minute and of this day: at most as many as wanted, and an
-- eighth of what remains. Wanted 0: that window is not asked about. Granted 0: nothing remains.
-- scope: org
-- in: org_id uuid, key_id uuid, minute_limit int8, minute_wanted int8, day_limit int8, day_wanted int8
-- out: now timestamptz, minute_end timestamptz, minute_granted int8, minute_used int8,
--   day_end timestamptz, day_granted int8, day_used int8
WITH this AS (
	SELECT statement_timestamp() AS now,
	       date_trunc('minute', statement_timestamp()) AS minute,
	       date_trunc('day', statement_timestamp(), 'UTC') AS day
), minute AS (
	INSERT INTO usher.quota_usage AS q (org_id, key_id, bucket, window_start, used, granted)
	SELECT $1, $2, 1, this.minute, LEAST($4, GREATEST(1, $3 / 8)), LEAST($4, GREATEST(1, $3 / 8))
	FROM this WHERE $4 > 0
	ON CONFLICT (org_id, key_id, bucket, window_start) DO UPDATE
	SET used = q.used + LEAST($4, GREATEST(1, ($3 - q.used) / 8)),
	    granted = LEAST($4, GREATEST(1, ($3 - q.used) / 8))
	WHERE q.org_id = $1 AND q.used < $3
	RETURNING q.granted, q.used
), day AS (
	INSERT INTO usher.quota_usage AS q (org_id, key_id, bucket, window_start, used, granted)
	SELECT $1, $2, 2, this.day, LEAST($6, GREATEST(1, $5 / 8)), LEAST($6, GREATEST(1, $5 / 8))
	FROM this WHERE $6 > 0
	ON CONFLICT (org_id, key_id, bucket, window_start) DO UPDATE
	SET used = q.used + LEAST($6, GREATEST(1, ($5 - q.used) / 8)),
	    granted = LEAST($6, GREATEST(1, ($5 - q.used) / 8))
	WHERE q.org_id = $1 AND q.used < $5
	RETURNING q.granted, q.used
)
SELECT this.now,
       this.minute + interval '1 minute', COALESCE((SELECT granted FROM minute), 0),
       COALESCE((SELECT used FROM minute), 0),
       this.day + interval '24 hours', COALESCE((SELECT granted FROM day), 0),
       COALESCE((SELECT used FROM day), 0)
FROM this
