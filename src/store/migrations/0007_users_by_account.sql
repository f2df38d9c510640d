-- Accounts are removed with their users, and each of them was looked for in all organisations.
-- serves-from: 1
-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_by_account ON usher.users (account_id)
	WHERE account_id IS NOT NULL;
