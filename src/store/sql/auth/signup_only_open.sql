-- The sign-ups that are open for an address: two are as many as ten, for whoever wants the only one.
-- scope: account
-- in: email_folded text
-- out: id uuid
SELECT s.id
FROM usher.signups s
WHERE s.email_folded = $1 AND s.consumed_at IS NULL AND s.expires_at > now()
LIMIT 2
