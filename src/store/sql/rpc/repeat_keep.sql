-- Keep the result of a call under its key. No row comes back when another transaction was faster:
-- it committed between our look and our lock.
-- scope: platform
-- in: principal bytea, method_id int8, key_hash bytea, request_mac bytea, result_sealed bytea, expires_at timestamptz
-- out: method_id int8
INSERT INTO usher.idempotency AS i
	(principal, method_id, key_hash, request_mac, result_sealed, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (principal, method_id, key_hash) DO UPDATE
SET request_mac = excluded.request_mac, result_sealed = excluded.result_sealed,
	revision = excluded.revision, created_at = now(), expires_at = excluded.expires_at
WHERE i.expires_at <= now()
RETURNING i.method_id
