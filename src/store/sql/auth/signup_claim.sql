-- Use up a sign-up: of several that come with the right code at once, one gets the row.
-- scope: account
-- in: id uuid, code_hash bytea
-- out: email text, email_folded text, password_hash text, display_name text, locale text, org_id uuid
UPDATE usher.signups s SET consumed_at = now()
WHERE s.id = $1 AND s.code_hash = $2 AND s.consumed_at IS NULL AND s.expires_at > now()
RETURNING s.email, s.email_folded, s.password_hash, s.display_name, s.locale, s.org_id
