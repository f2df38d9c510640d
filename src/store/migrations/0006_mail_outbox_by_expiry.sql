-- The sweep looks for mail by its end: each minute it read all that waits.
-- serves-from: 1
-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS mail_outbox_by_expiry ON usher.mail_outbox (expires_at);
