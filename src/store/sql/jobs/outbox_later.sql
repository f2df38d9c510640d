-- A mail could not be delivered: again in 5 s, 10 s, 20 s ... up to 15 minutes.
-- scope: job
-- in: id uuid
-- out: none
UPDATE usher.mail_outbox
SET attempts = attempts + 1,
    next_try_at = now() + least(interval '5 s' * 2 ^ least(attempts, 20), interval '15 min')
WHERE id = $1
