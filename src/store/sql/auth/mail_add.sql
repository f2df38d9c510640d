-- Put a sealed mail into the outbox.
-- scope: account
-- in: id uuid, sealed bytea, ttl_us int8
-- out: none
INSERT INTO usher.mail_outbox (id, sealed, expires_at)
VALUES ($1, $2, now() + $3 * interval '1 microsecond')
