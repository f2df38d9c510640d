-- Give an account rights over the platform.
-- scope: platform
-- in: account_id uuid, permissions text[]
-- out: none
INSERT INTO usher.platform_operators (account_id, permissions) VALUES ($1, $2)
