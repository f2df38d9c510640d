-- Make an account whose address counts as verified, and its user, owner of the organisation.
-- scope: platform
-- in: account_id uuid, email text, email_folded text, password_hash text, org_id uuid, user_id uuid, display_name text, external_id text?
-- out: none
WITH account AS (
	INSERT INTO usher.accounts (id, email, email_folded, email_verified_at)
	VALUES ($1, $2, $3, now())
), secret AS (
	INSERT INTO usher.passwords (account_id, hash) VALUES ($1, $4)
), person AS (
	INSERT INTO usher.users (org_id, id, external_id, display_name, email, account_id)
	VALUES ($5, $6, $8, $7, $2, $1)
), place AS (
	INSERT INTO usher.account_users (account_id, org_id, user_id) VALUES ($1, $5, $6)
)
INSERT INTO usher.user_roles (org_id, user_id, role) VALUES ($5, $6, 'owner')
