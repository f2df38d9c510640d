-- Note when keys were last used, by receipts; not more often than twice a minute.
-- scope: job
-- in: org_ids uuid[], key_ids uuid[], seconds int8[]
-- out: none
UPDATE usher.api_keys k SET last_used_at = to_timestamp(u.second)
FROM (
	SELECT r.org_id, r.key_id, max(r.second) AS second
	FROM unnest($1, $2, $3) AS r (org_id, key_id, second)
	GROUP BY r.org_id, r.key_id
) u
WHERE k.org_id = u.org_id AND k.id = u.key_id
	AND coalesce(k.last_used_at, '-infinity') < to_timestamp(u.second) - interval '30 s'
