-- Open a sign-up, unless the organisation takes none in. For an address that has an account it leads
-- nowhere (auth/member_create makes none), but looks the same to whoever asked for it.
-- scope: account
-- in: id uuid, email text, email_folded text, password_hash text, display_name text, locale text,
--     org_id uuid, code_hash bytea, client_ip text, ttl_us int8
-- out: org_is_open bool, has_account bool
WITH org AS (
	SELECT o.id FROM usher.orgs o
	WHERE o.id = $7 AND o.disabled_at IS NULL AND o.deleted_at IS NULL
), opened AS (
	INSERT INTO usher.signups (id, email, email_folded, password_hash, display_name, locale, org_id,
		code_hash, client_ip, expires_at)
	SELECT $1, $2, $3, $4, $5, $6, org.id, $8, $9, now() + $10 * interval '1 microsecond'
	FROM org
	RETURNING id
)
SELECT EXISTS (SELECT FROM opened),
	EXISTS (SELECT FROM usher.accounts a WHERE a.email_folded = $3)
