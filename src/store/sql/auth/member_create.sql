-- Make an account with a password, and its user, a member, in an organisation; no row when the
-- address has an account by now, or the organisation is closed.
-- scope: directory
-- in: account_id uuid, email text, email_folded text, password_hash text, org_id uuid, user_id uuid,
--     display_name text, locale text
-- out: account_id uuid
WITH org AS (
	SELECT o.id FROM usher.orgs o
	WHERE o.id = $5 AND o.disabled_at IS NULL AND o.deleted_at IS NULL
), account AS (
	INSERT INTO usher.accounts (id, email, email_folded, email_verified_at)
	SELECT $1, $2, $3, now() FROM org
	ON CONFLICT (email_folded) DO NOTHING
	RETURNING id
), password AS (
	INSERT INTO usher.passwords (account_id, hash)
	SELECT account.id, $4 FROM account
), person AS (
	INSERT INTO usher.users (org_id, id, display_name, email, locale, account_id)
	SELECT $5, $6, $7, $2, $8, account.id FROM account
	RETURNING org_id, id, account_id
), role AS (
	INSERT INTO usher.user_roles (org_id, user_id, role)
	SELECT person.org_id, person.id, 'member' FROM person
), directory AS (
	INSERT INTO usher.account_users (account_id, org_id, user_id)
	SELECT person.account_id, person.org_id, person.id FROM person
)
SELECT account.id FROM account
