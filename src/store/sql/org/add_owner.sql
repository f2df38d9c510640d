-- Make an account's user, an owner, in a new organisation, named as in the organisation that the
-- account comes from.
-- scope: directory
-- in: org_id uuid, user_id uuid, account_id uuid, from_org_id uuid?
-- out: user_id uuid
WITH person AS (
	INSERT INTO usher.users (org_id, id, display_name, email, locale, time_zone, account_id)
	SELECT $1, $2, coalesce(u.display_name, ''), a.email, coalesce(u.locale, ''),
		coalesce(u.time_zone, ''), a.id
	FROM usher.accounts a
	LEFT JOIN usher.users u ON u.org_id = $4 AND u.account_id = a.id
	WHERE a.id = $3
	RETURNING org_id, id, account_id
), role AS (
	INSERT INTO usher.user_roles (org_id, user_id, role)
	SELECT person.org_id, person.id, 'owner' FROM person
)
INSERT INTO usher.account_users (account_id, org_id, user_id)
SELECT person.account_id, person.org_id, person.id FROM person
RETURNING user_id
