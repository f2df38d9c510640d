-- Has this principal called this method under this key before? Takes the key for this transaction,
-- or says that another one has it.
-- scope: platform
-- in: lock int8, principal bytea, method_id int8, key_hash bytea
-- out: locked bool, request_mac bytea?, result_sealed bytea?
SELECT l.locked, i.request_mac, i.result_sealed
FROM (SELECT pg_try_advisory_xact_lock($1) AS locked) l
LEFT JOIN usher.idempotency i
	ON i.principal = $2 AND i.method_id = $3 AND i.key_hash = $4 AND i.expires_at > now()
