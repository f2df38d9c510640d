-- Users with an account, of some blocks, that the account's directory does not lead to.
-- scope: platform
-- in: first_block int8, end_block int8
-- out: orphans int8, samples text
SELECT count(*), coalesce(array_to_string((array_agg(o.shown))[1:5], '; '), '')
FROM (
	SELECT 'org_id ' || u.org_id || ', id ' || u.id AS shown
	FROM usher.users u
	WHERE u.ctid >= ('(' || $1 || ',0)')::tid AND u.ctid < ('(' || $2 || ',0)')::tid
		AND u.account_id IS NOT NULL
		AND NOT EXISTS (SELECT FROM usher.account_users a
			WHERE a.account_id = u.account_id AND a.org_id = u.org_id AND a.user_id = u.id)
) o
