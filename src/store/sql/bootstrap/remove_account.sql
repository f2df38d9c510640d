-- Remove an account with its users: for the self-test's own.
-- scope: platform
-- in: account_id uuid
-- out: none
WITH people AS (
	DELETE FROM usher.users WHERE account_id = $1
)
DELETE FROM usher.accounts WHERE id = $1
