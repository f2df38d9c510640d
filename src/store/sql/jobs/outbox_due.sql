-- Mails that are due and that no other node is at.
-- scope: job
-- in: rows_max int8
-- out: id uuid, sealed bytea
SELECT id, sealed
FROM usher.mail_outbox
WHERE next_try_at <= now() AND expires_at > now()
ORDER BY next_try_at
LIMIT $1
FOR UPDATE SKIP LOCKED
