-- Note when keys were last used, by receipts; not more often than twice a minute, and not those that
-- somebody is at: it must keep nobody from revoking a key.
-- scope: job
-- in: org_ids uuid[], key_ids uuid[], seconds int8[]
-- out: none
UPDATE usher.api_keys k SET last_used_at = to_timestamp(u.second)
FROM (
	SELECT a.org_id, a.id, r.second
	FROM (
		SELECT org_id, key_id, max(second) AS second
		FROM unnest($1, $2, $3) AS r (org_id, key_id, second)
		GROUP BY org_id, key_id
	) r
	JOIN usher.api_keys a ON a.org_id = r.org_id AND a.id = r.key_id
	WHERE coalesce(a.last_used_at, '-infinity') < to_timestamp(r.second) - interval '30 s'
	FOR NO KEY UPDATE OF a SKIP LOCKED
) u
WHERE k.org_id = u.org_id AND k.id = u.id
