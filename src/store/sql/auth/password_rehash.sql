-- The same password under today's settings, unless it was changed meanwhile.
-- scope: account
-- in: account_id uuid, old_hash text, new_hash text
-- out: none
UPDATE usher.passwords SET hash = $3 WHERE account_id = $1 AND hash = $2
