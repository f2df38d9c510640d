-- The passwords of the sign-ups that are open for an address, newest first.
-- scope: account
-- in: email_folded text, count_max int8
-- out: password_hash text
SELECT s.password_hash
FROM usher.signups s
WHERE s.email_folded = $1 AND s.consumed_at IS NULL AND s.expires_at > now()
ORDER BY s.created_at DESC, s.id DESC
LIMIT $2
