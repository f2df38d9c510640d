-- An attempt was a success: forget those on the same thing, and give the network back the one that
-- this was. The network's row first, as in throttle_take.
-- scope: account
-- in: network_kind int8, network_subject bytea, network_burst int8, kind int8, subject bytea,
--     wide_kind int8, wide_subject bytea?
-- out: none
WITH network AS (
	UPDATE usher.throttles SET
		attempts = greatest(attempts - 1, 0),
		free_at = CASE WHEN attempts <= $3 THEN clock_timestamp() ELSE free_at END
	WHERE kind = $1 AND subject = $2
	RETURNING kind
)
DELETE FROM usher.throttles
WHERE (kind, subject) IN (($4, $5), ($6, $7)) AND (SELECT count(*) FROM network) >= 0
