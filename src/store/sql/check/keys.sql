-- Keys, of some blocks, that the directory does not lead to: nobody can use them.
-- scope: platform
-- in: first_block int8, end_block int8
-- out: orphans int8, samples text
SELECT count(*), coalesce(array_to_string((array_agg(o.shown))[1:5], '; '), '')
FROM (
	SELECT 'org_id ' || k.org_id || ', id ' || k.id AS shown
	FROM usher.api_keys k
	WHERE k.ctid >= ('(' || $1 || ',0)')::tid AND k.ctid < ('(' || $2 || ',0)')::tid
		AND NOT EXISTS (SELECT FROM usher.key_directory d
			WHERE d.key_id = k.id AND d.org_id = k.org_id)
) o
