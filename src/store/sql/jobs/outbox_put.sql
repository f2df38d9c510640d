-- Put a sealed mail into the outbox.
-- scope: job
-- in: id uuid, sealed bytea, expires_at timestamptz
-- out: none
INSERT INTO usher.mail_outbox (id, sealed, expires_at) VALUES ($1, $2, $3)
