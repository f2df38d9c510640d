-- How many organisations that there are this account has made.
-- scope: directory
-- in: account_id uuid
-- out: orgs int8
SELECT count(*)
FROM usher.account_users au
JOIN usher.orgs o ON o.id = au.org_id AND o.created_by = $1 AND o.deleted_at IS NULL
WHERE au.account_id = $1
