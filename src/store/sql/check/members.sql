-- Entries of the accounts' directory, of some blocks, that lead to a user of another account.
-- scope: platform
-- in: first_block int8, end_block int8
-- out: orphans int8, samples text
SELECT count(*), coalesce(array_to_string((array_agg(o.shown))[1:5], '; '), '')
FROM (
	SELECT 'account_id ' || a.account_id || ', org_id ' || a.org_id AS shown
	FROM usher.account_users a
	JOIN usher.users u ON u.org_id = a.org_id AND u.id = a.user_id
	WHERE a.ctid >= ('(' || $1 || ',0)')::tid AND a.ctid < ('(' || $2 || ',0)')::tid
		AND u.account_id IS DISTINCT FROM a.account_id
) o
